"""Whether the visitor who asked for something is still there, for work that goes on beside the page."""

from __future__ import annotations

import time

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

PATIENCE_SECONDS = 60.0
"""How long a visitor may be away: a phone that sleeps for a moment, or a weak network, is no farewell."""


class Presence:
    """The visitor of the page that makes this; may be asked from any thread."""

    def __init__(self) -> None:
        context = get_script_run_ctx()
        self._session = context.session_id if context else ""
        self._seen = time.monotonic()

    def has_left(self) -> bool:
        """Whether the visitor's page has been closed for longer than ``PATIENCE_SECONDS``."""
        # Without a server, as in tests of single pages, nobody ever leaves.
        if not runtime.exists() or runtime.get_instance().is_active_session(self._session):
            self._seen = time.monotonic()
        return time.monotonic() - self._seen > PATIENCE_SECONDS
