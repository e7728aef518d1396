"""Runs in line without a process, and their end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cityseg import runs
from cityseg.jobs import queue


@pytest.fixture
def line(tiny, workplace, launches):
    """Put runs of these names in line, without starting a process."""

    def put(*names: str) -> list[runs.Run]:
        made = [runs.create_run(tiny(), name) for name in names]
        queue.enqueue(made)
        return made

    return put


@pytest.fixture
def end() -> Callable[..., None]:
    """End the run of a name."""
    return lambda name, state="finished": runs.find_run(name).write_status(state=state, launched=None)
