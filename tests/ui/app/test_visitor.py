"""Visitors that leave."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cityseg.ui.app import visitor as module
from cityseg.ui.app.visitor import Visitor


def test_a_visitor_has_left_after_the_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    now, open_pages = [100.0], {"visitor"}
    server = SimpleNamespace(is_active_session=lambda session: session in open_pages)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "get_script_run_ctx", lambda: SimpleNamespace(session_id="visitor"))
    monkeypatch.setattr(module.runtime, "exists", lambda: True)
    monkeypatch.setattr(module.runtime, "get_instance", lambda: server)
    visitor = Visitor()
    now[0] += 1000
    assert not visitor.has_left()
    open_pages.clear()
    now[0] += module.GRACE_SECONDS - 1
    assert not visitor.has_left()
    now[0] += 2
    assert visitor.has_left()
    open_pages.add("visitor")
    assert not visitor.has_left()
