"""Back, Forward and reload in a real browser: one act is one history entry, and every entry restores its view."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

# What the user sees of the choices: title, open tabs, inputs, and the chosen option of every segmented control.
_VIEW = """() => {
  const seen = element => element.checkVisibility();
  const all = (selector, read) => [...document.querySelectorAll(selector)].filter(seen).map(read);
  return JSON.stringify([
    location.pathname + location.search,
    all('h1', e => e.innerText),
    all('[data-testid=stTab][aria-selected=true], [role=tab][aria-selected=true]', e => e.innerText),
    all('[data-testid=stMain] input:not([type=checkbox])', e => e.value),
    all('[data-testid=stMain] :is([role=radio][aria-checked=true], [aria-pressed=true])', e => e.innerText),
  ]);
}"""
_IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


@pytest.fixture(scope="module")
def studio(serve_synthetic: Callable[..., Any]) -> str:
    return str(serve_synthetic(12).address)


@pytest.fixture
def page(browser: Any, studio: str) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(studio)
    yield page
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()


def settled(page: Any) -> str:
    """Wait until the page stands still; return what it shows."""
    page.get_by_role("heading", level=1).first.wait_for()
    before = ""
    for _ in range(150):
        page.wait_for_timeout(250)
        page.wait_for_selector(_IDLE)
        view = str(page.evaluate(_VIEW))
        if view == before:
            return view
        before = view
    raise AssertionError(f"the page does not stand still: {before}")


def open_page(page: Any, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()
    page.get_by_role("heading", name=name, level=1).wait_for()


def tell(page: Any, story: list[Callable[[], object]]) -> None:
    """Do every act, then go all the way back and forward again."""
    views, lengths = [settled(page)], [page.evaluate("history.length")]
    for act in story:
        act()
        views.append(settled(page))
        lengths.append(page.evaluate("history.length"))
        assert views[-1] != views[-2]
    assert [later - earlier for earlier, later in itertools.pairwise(lengths)] == [1] * len(story)
    for go, seen in ((page.go_back, views[-2::-1]), (page.go_forward, views[1:])):
        for number, view in enumerate(seen):
            go()
            assert settled(page) == view, number


def tab(page: Any, name: str) -> Callable[[], object]:
    return lambda: page.get_by_role("tab", name=name, exact=True).click()


def test_back_and_forward_lead_through_a_short_story(page: Any) -> None:
    tell(
        page,
        [
            lambda: open_page(page, "Dataset"),
            tab(page, "Spatial heatmaps"),
            lambda: page.locator("[data-testid=stMain]").get_by_role("radio", name="val", exact=True).first.click(),
            lambda: open_page(page, "Inspect"),
            tab(page, "Slices"),
            lambda: open_page(page, "Dataset"),
        ],
    )


@pytest.mark.slow
def test_back_and_forward_lead_through_twenty_steps(page: Any) -> None:
    def option(name: str) -> Callable[[], object]:
        return lambda: page.locator("[data-testid=stMain]").get_by_role("radio", name=name, exact=True).first.click()

    def button(name: str) -> Callable[[], object]:
        return lambda: page.locator("[data-testid=stMain]").get_by_role("button", name=name).first.click()

    tell(
        page,
        [
            lambda: open_page(page, "Compare"),
            tab(page, "Confusions"),
            tab(page, "Significance"),
            option("val"),
            lambda: open_page(page, "Inspect"),
            tab(page, "Calibration"),
            tab(page, "Slices"),
            lambda: open_page(page, "Predict"),
            option("Synthetic scene"),
            button("Another scene"),
            button("Another scene"),
            option("Letterbox"),
            lambda: open_page(page, "Dataset"),
            option("train"),
            button("Show all"),
            tab(page, "Sizes"),
            lambda: open_page(page, "Train"),
            lambda: page.locator(".st-key-run_name input").fill("nightly") or page.keyboard.press("Enter"),
            lambda: open_page(page, "Overview"),
            lambda: open_page(page, "Compare"),
        ],
    )


@pytest.mark.slow
def test_back_restores_the_choices_inside_popovers(page: Any) -> None:
    columns = page.get_by_test_id("stPopoverBody").get_by_test_id("stMultiSelect")

    def open_popover(name: str) -> None:
        page.get_by_role("button", name=name).first.click()

    def tags() -> list[str]:
        return [str(text) for text in columns.locator("[data-tag] [title]").all_inner_texts()]

    page.set_default_timeout(20_000)
    open_page(page, "Compare")
    settled(page)
    open_popover("Columns")
    sync_api.expect(columns).to_be_visible()
    usual = tags()
    columns.get_by_role("button", name="Remove Speed").click()
    settled(page)
    assert "columns=" in page.url
    assert tags() == [name for name in usual if name != "Speed"]
    page.keyboard.press("Escape")
    open_popover("Share and save")
    page.get_by_role("radio", name="PNG").click()
    settled(page)
    assert "pictures=png" in page.url
    page.go_back()
    settled(page)
    assert "pictures=" not in page.url
    assert "columns=" in page.url
    page.go_back()
    settled(page)
    assert "columns=" not in page.url
    page.keyboard.press("Escape")
    open_popover("Columns")
    sync_api.expect(columns).to_be_visible()
    assert tags() == usual
    page.keyboard.press("Escape")
    page.go_forward()
    page.go_forward()
    settled(page)
    open_popover("Share and save")
    sync_api.expect(page.get_by_role("radio", name="PNG")).to_be_checked()


def upload(page: Any) -> None:
    """Upload a grey photo and wait for its prediction."""
    photo = io.BytesIO()
    Image.fromarray(np.full((64, 128, 3), 90, np.uint8)).save(photo, "PNG")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(
        {"name": "street.png", "mimeType": "image/png", "buffer": photo.getvalue()}
    )
    page.get_by_text("prediction of best-7").first.wait_for()


@pytest.mark.slow
def test_a_reload_keeps_the_form_and_says_which_file_it_lost(page: Any) -> None:
    open_page(page, "Train")
    page.locator(".st-key-preset_better-2 button").click()
    page.get_by_text("better-2, the unchanged preset").wait_for()
    settled(page)
    page.locator(".st-key-run_name input").fill("nightly")
    page.keyboard.press("Enter")
    page.wait_for_url("**name=nightly**")
    page.get_by_text("Settings", exact=True).click()
    page.get_by_role("tab", name="Optimiser", exact=True).click()
    page.locator("[class*=st-key-setting_epochs] input").last.fill("5")
    page.keyboard.press("Enter")
    page.wait_for_url("**epochs**")
    page.reload()
    page.get_by_text("differs from the preset: epochs 5").wait_for()
    sync_api.expect(page.locator(".st-key-run_name input")).to_have_value("nightly")
    open_page(page, "Dataset")
    open_page(page, "Train")
    page.get_by_text("differs from the preset: epochs 5").wait_for()
    sync_api.expect(page.locator(".st-key-run_name input")).to_have_value("nightly")

    open_page(page, "Predict")
    page.get_by_text("Your photos", exact=True).click()
    upload(page)
    open_page(page, "Overview")
    open_page(page, "Predict")
    page.get_by_text("street.png, uploaded before").wait_for()
    page.wait_for_url("**photo=street.png**")
    page.reload()
    page.get_by_text("A reload keeps no uploaded file: choose street.png again.").wait_for()
    settled(page)
    assert "photo=" not in page.url
    upload(page)
    open_page(page, "Overview")
    open_page(page, "Predict")
    page.locator(".st-key-predict_remove button").click()
    page.get_by_text("Choose a photo to see its prediction here.").wait_for()
