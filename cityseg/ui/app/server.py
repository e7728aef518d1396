"""The life of the server: what it does before it says that it is ready.

Nothing of the studio is imported above: functions that Streamlit caches need a server that has started.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import AsyncIterator
from typing import Any

_PAGES = ("overview", "dataset", "train", "compare", "inspect", "predict")


@contextlib.asynccontextmanager
async def lifespan(_server: Any) -> AsyncIterator[None]:
    """Import all pages with their libraries, and read what every page shows, before the first visitor waits for it."""
    for page in _PAGES:
        importlib.import_module(f"cityseg.ui.{page}.page")
    importlib.import_module("cityseg.ui.app.cache").warm_up()
    yield
