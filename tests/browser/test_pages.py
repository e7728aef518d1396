"""All six pages in a real browser: they open, say their question, fit the screen and leave no error behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

PAGES = ("Overview", "Dataset", "Train", "Compare", "Inspect", "Predict")


@pytest.fixture(scope="module")
def studio(browser: Any, serve_synthetic: Callable[..., Any]) -> Any:
    """The app over a small drawn set, with no run of its own."""
    return serve_synthetic(frames=12, size=(256, 512))


def _settle(page: Any) -> None:
    """Wait until the script has run to its end and nothing is marked as old any more."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=stSpinner]')", timeout=60_000)


def test_direct_link_opens_the_page_inside_the_app(browser: Any, studio: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    try:
        page.goto(f"{studio.address}/train")
        sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Train", timeout=60_000)
        sync_api.expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(len(PAGES), timeout=60_000)
    finally:
        page.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_opens_without_errors_and_fits(browser: Any, studio: Any, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 1000})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        for title in PAGES:
            path = "" if title == "Overview" else title.lower()
            page.goto(f"{studio.address}/{path}")
            sync_api.expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=60_000)
            _settle(page)
            assert page.locator("[data-testid=stException]").count() == 0, title
            sideways = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth - innerWidth")
            assert sideways <= 0, f"{title} is {sideways} pixels too wide at {width}"
    finally:
        page.close()
    assert not errors
    assert "most recent call last" not in studio.log.read_text()  # of a traceback, or of a warning with its stack


def test_navigation_leads_to_every_page(browser: Any, studio: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    try:
        page.goto(studio.address)
        _settle(page)
        for title in reversed(PAGES):
            page.locator("[data-testid=stSidebarNav]").get_by_text(title, exact=True).click()
            sync_api.expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=60_000)
    finally:
        page.close()
