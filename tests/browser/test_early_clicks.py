"""Clicks while a page still loads, on a server that has just started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cityseg.data.synthetic import synthesize

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_preset_chosen_while_train_loads_is_taken(browser: Any, serve: Callable[..., Any], tmp_path: Path) -> None:
    synthesize(tmp_path / "set", frames=12, seed=5, size=(64, 128))
    studio = serve(
        ROOT / "app.py",
        tmp_path,
        CITYSEG_DATA=str(tmp_path / "set"),
        CITYSEG_RUNS=str(tmp_path / "runs"),
        CITYSEG_CACHE=str(tmp_path / "cache"),
    )
    for _ in range(3):
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        try:
            errors: list[str] = []
            page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
            page.goto(f"{studio.address}/train", wait_until="commit")
            page.locator(".st-key-preset_better-2 button").click(timeout=60_000)
            page.get_by_text("better-2, the unchanged preset").wait_for(timeout=60_000)
            page.locator(".st-key-run_name input").wait_for()
            assert errors == []
        finally:
            page.close()
