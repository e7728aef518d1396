"""The Compare page in a real browser: from the verdict to the class, and on to its frames."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def studio(browser: Any, serve_synthetic: Callable[..., Any]) -> Any:
    """The app over a small synthetic set: the shipped models' frames are missing, their matrices are not."""
    return serve_synthetic()


def test_click_on_the_waterfall_shows_the_frames_of_a_class(browser: Any, studio: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(f"{studio.address}/compare?runs=experiment-1,better-1&baseline=experiment-1&view=Significance")
        reading = page.get_by_text(re.compile(r"^better-1 is better than experiment-1: macro F1 \+"))
        sync_api.expect(reading.first).to_be_visible(timeout=60_000)
        sync_api.expect(page.locator(".st-key-forest .js-plotly-plot")).to_be_visible(timeout=60_000)
        sync_api.expect(page.get_by_text("Classes better-1 won")).to_be_visible()
        page.get_by_role("tab", name="Contribution by class").click()
        steps = page.locator(".st-key-waterfall .js-plotly-plot .barlayer .trace").nth(2).locator(".point path")
        sync_api.expect(steps.nth(4)).to_be_visible(timeout=60_000)
        sync_api.expect(page.get_by_role("heading", name="Frames that moved vegetation")).to_be_visible()
        steps.nth(1).click(force=True)
        moved = page.get_by_role("heading", name="Frames that moved car")
        sync_api.expect(moved).to_be_visible(timeout=30_000)
        sync_api.expect(moved).to_be_in_viewport(timeout=10_000)
        sync_api.expect(page.get_by_text(re.compile("frames favour better-1"))).to_be_visible()
        assert "class=car" in page.url
        assert "view=Contribution" in page.url
    finally:
        page.close()
    assert not errors
    assert "most recent call last" not in studio.log.read_text()
