"""The visitor whose page started background work."""

from __future__ import annotations

import time

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

GRACE_SECONDS = 60.0
"""How long a page may be disconnected: a sleeping phone or a weak network does not end the visit."""


class Visitor:
    """The visitor of the page that creates this object; safe to use from any thread."""

    def __init__(self) -> None:
        context = get_script_run_ctx()
        self._session = context.session_id if context else ""
        self._last_connected = time.monotonic()

    def has_left(self) -> bool:
        """Whether the visitor's page has been closed for longer than ``GRACE_SECONDS``."""
        # Without a server, as in tests of single pages, every visitor counts as connected.
        if not runtime.exists() or runtime.get_instance().is_active_session(self._session):
            self._last_connected = time.monotonic()
        return time.monotonic() - self._last_connected > GRACE_SECONDS
