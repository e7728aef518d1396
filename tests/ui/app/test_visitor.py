"""Whether a visitor is still there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cityseg.ui.app import visitor as presence
from cityseg.ui.app.visitor import Presence


def test_a_visitor_has_left_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, open_pages = [100.0], {"visitor"}
    server = SimpleNamespace(is_active_session=lambda session: session in open_pages)
    monkeypatch.setattr(presence.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(presence, "get_script_run_ctx", lambda: SimpleNamespace(session_id="visitor"))
    monkeypatch.setattr(presence.runtime, "exists", lambda: True)
    monkeypatch.setattr(presence.runtime, "get_instance", lambda: server)
    visitor = Presence()
    now[0] += 1000
    assert not visitor.has_left()
    open_pages.clear()
    now[0] += presence.PATIENCE_SECONDS - 1
    assert not visitor.has_left()
    now[0] += 2
    assert visitor.has_left()
    open_pages.add("visitor")
    assert not visitor.has_left()
