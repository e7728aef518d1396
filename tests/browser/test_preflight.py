"""A trial in a real browser: started, watched without losing anything, and its outcome put to use."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def studio(browser: Any, serve_synthetic: Callable[..., Any]) -> Any:
    """The app over a small drawn set."""
    return serve_synthetic()


def test_a_learning_rate_is_searched_watched_and_used(browser: Any, studio: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(f"{studio.address}/train")
        page.get_by_role("textbox", name="Name of the run").fill("kept", timeout=60_000)
        page.get_by_text("Preflight checks").click()
        search = page.get_by_role("button", name="Find learning rate")
        search.click()
        sync_api.expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible(timeout=30_000)
        sync_api.expect(search).to_be_disabled()
        chart = page.locator(".st-key-trial_rate_curve .js-plotly-plot").filter(visible=True).first
        sync_api.expect(chart).to_be_visible(timeout=90_000)
        use = page.get_by_role("button", name="Use this learning rate")
        sync_api.expect(use).to_be_enabled(timeout=90_000)
        sync_api.expect(chart).to_be_visible()
        # What was typed and opened outlives every tick and the end of the process.
        sync_api.expect(page.get_by_role("textbox", name="Name of the run")).to_have_value("kept")
        sync_api.expect(search).to_be_enabled()
        use.click()
        changed = page.get_by_text(re.compile(r"differs from the preset: learning rate"))
        sync_api.expect(changed).to_be_visible(timeout=30_000)
        sync_api.expect(use).to_be_disabled()
    finally:
        page.close()
    assert not errors
    assert "most recent call last" not in studio.log.read_text()


def test_a_change_before_the_form_has_loaded_loses_no_setting(browser: Any, studio: Any) -> None:
    """On a slow line the code of some kinds of widget arrives after the visitor's first change."""
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    held: list[Any] = []
    late = re.compile(r"/(NumberInput|ButtonGroup|Checkbox|Selectbox)\.")
    page.route(late, lambda route: held.append(route))
    try:
        page.goto(f"{studio.address}/train")
        page.get_by_role("textbox", name="Name of the run").fill("early", timeout=60_000)
        page.get_by_role("button", name="better-2").click()
        unchanged = page.get_by_text("better-2, the unchanged preset")
        sync_api.expect(unchanged).to_be_visible(timeout=30_000)
        page.get_by_text("Sweep: several runs at once").click()
        assert held, "no code of a widget was asked for on its own: this test has nothing to hold back any more"
        page.unroute(late)  # lets those held go on
        page.get_by_text("Settings", exact=True).click()
        # Inputs of the former preset may stay until the code of the new ones, which come last, has arrived.
        height = page.get_by_label("Frame height (pixels)", exact=True).last
        sync_api.expect(height).to_have_value("64", timeout=30_000)
        page.get_by_role("textbox", name="Name of the run").fill("late")
        page.get_by_role("textbox", name="Name of the run").blur()
        page.wait_for_timeout(1_500)
        sync_api.expect(unchanged).to_be_visible()
        for name, value in (("Base channels", "16"), ("Batch size", "16")):
            sync_api.expect(page.get_by_label(name, exact=True).last).to_have_value(value)
    finally:
        page.close()
