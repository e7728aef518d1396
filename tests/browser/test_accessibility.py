"""Accessibility: what axe-core finds in every view of every page, narrow windows, reduced motion, and the keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cityseg import api, config
from cityseg.runs import Run
from tests.browser.axe import problems

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "Overview": "",
    "Dataset": "dataset",
    "Train": "train?run=inspected",
    "Compare": "compare?runs=inspected,second&baseline=inspected&split=val",
    "Inspect": "inspect?result=inspected&split=val",
    "Predict": "predict",
}
MODES = (("light", 1440), ("dark", 390))
ZOOMED = 320
"""Width in CSS pixels of a window of 1280 pixels at 400 %, at which WCAG 1.4.10 asks for a page without a horizontal
scroll bar."""
# A view is an open tab or expander, or an option of a segmented control, which on the Train page is a setting.
VIEWS = "[data-testid=stMain] :is([role=tab], summary, [role=radio])"
TRAIN_VIEWS = "[data-testid=stMain] :is([role=tab], summary)"
# Durations of animations and transitions in seconds, in the page and in the shadow roots of our components.
MOTION = """() => {
    const seconds = (text) => Math.max(...text.split(",").map(parseFloat));
    const moving = [];
    const visit = (root) => root.querySelectorAll("*").forEach((element) => {
        const style = getComputedStyle(element);
        if (seconds(style.transitionDuration) > 0.001) moving.push(`${element.className}: ${style.transition}`);
        if (style.animationName !== "none" && seconds(style.animationDuration) > 0.001) moving.push(style.animation);
        if (element.shadowRoot) visit(element.shadowRoot);
    });
    visit(document);
    return moving;
}"""
# The focused element, inside shadow roots as well.
FOCUSED = """() => {
    let focused = document.activeElement;
    while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    return focused.dataset.cell ?? focused.closest("[data-class]")?.dataset.class ?? focused.tagName;
}"""


@pytest.fixture(scope="module")
def studio(serve: Callable[..., Any], inspected: Run, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The app over 30 small synthetic frames with two results on them."""
    folder, data = tmp_path_factory.mktemp("accessible"), inspected.folder.parents[1]
    shutil.copytree(inspected.folder, folder / "runs" / inspected.folder.name)
    settings = {"image_size": (32, 64), "start_channels": 4, "depth": 1, "epochs": 1, "batch_size": 4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(data / "cache"))
        api.train(config.build(settings), str(data / "set"), name="second", runs=folder / "runs")
    return serve(
        ROOT / "app.py",
        folder,
        CITYSEG_DATA=str(data / "set"),
        CITYSEG_RUNS=str(folder / "runs"),
        CITYSEG_CACHE=str(data / "cache"),
        OMP_NUM_THREADS="1",
    )


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    yield page
    page.close()


def _open(page: Any, studio: Any, title: str) -> None:
    page.goto(f"{studio.address}/{PAGES[title]}")
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=60_000)
    _settle(page)


def _settle(page: Any) -> None:
    page.wait_for_timeout(150)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
    waiting = ":is([data-testid=stSpinner], [data-testid=stSkeleton])"
    page.wait_for_function(f"!document.querySelector('{waiting}')", timeout=60_000)


def _views(page: Any, title: str) -> Iterator[str]:
    """Open one view after the other, also those that appear on the way, and yield their names."""
    yield "as it opens"
    seen: set[str] = set()
    selector = TRAIN_VIEWS if title == "Train" else VIEWS
    while True:
        for control in page.locator(selector).all():
            name = " ".join(control.inner_text().split()) if control.is_visible() else ""
            if not name or name in seen:
                continue
            seen.add(name)
            if "true" not in (control.get_attribute("aria-selected"), control.get_attribute("aria-checked")):
                control.click()
                _settle(page)
                yield name
                break
        else:
            return


@pytest.mark.parametrize("title", PAGES)
def test_axe_finds_nothing_in_any_view_and_no_view_scrolls_sideways(page: Any, studio: Any, title: str) -> None:
    _open(page, studio, title)
    found: list[str] = []
    views = []
    for view in _views(page, title):
        views.append(view)
        for scheme, width in MODES:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 1000})
            _settle(page)
            found += [f"{view}, {scheme}, {width}: {line}" for line in problems(page)]
        page.set_viewport_size({"width": ZOOMED, "height": 1000})
        try:  # charts and tables adapt a moment later
            page.wait_for_function(
                "document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth", timeout=8000
            )
        except sync_api.TimeoutError:
            found.append(f"{view}: wider than the window at {ZOOMED}")
        found += [f"{view}: moves though motion is reduced: {line}" for line in page.evaluate(MOTION)]
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.wait_for_timeout(150)
    assert len(views) > 1
    assert not found, "\n".join(found)


def test_matrix_is_one_tab_stop_and_a_choice_keeps_the_focus(page: Any, studio: Any) -> None:
    _open(page, studio, "Inspect")
    grid = page.locator("[data-testid=cityseg-matrix]").get_by_role("grid")
    sync_api.expect(grid.get_by_role("gridcell")).to_have_count(19 * 19)
    assert grid.locator("[tabindex='0']").count() == 1
    page.get_by_role("tab", name="Confusions").focus()
    page.keyboard.press("Tab")  # the help of the matrix
    keys = [
        "Tab",
        "ArrowDown",
        "ArrowDown",
        "ArrowRight",
        "ArrowUp",
        "End",
        "ArrowRight",
        "Control+Home",
        "Control+End",
    ]
    focused = []
    for key in keys:
        page.keyboard.press(key)
        focused.append(page.evaluate(FOCUSED))
    assert focused == ["0 0", "1 0", "2 0", "2 1", "1 1", "1 18", "1 18", "0 0", "18 18"]
    assert grid.locator("[tabindex='0']").count() == 1

    # The diagonal can be read but not chosen.
    page.keyboard.press("Enter")
    cell = grid.locator("[aria-disabled='false']").first
    cell.focus()
    place = cell.get_attribute("data-cell")
    page.keyboard.press("Space")
    page.wait_for_function("new URLSearchParams(location.search).get('by')?.includes(' predicted as ')")
    sync_api.expect(page.locator(".st-key-inspect_places .gallery button").first).to_be_visible(timeout=60_000)
    _settle(page)
    assert page.evaluate(FOCUSED) == place
    sync_api.expect(grid.locator("[aria-selected='true']")).to_have_attribute("data-cell", place)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) != place


def test_viewer_works_by_keyboard_alone(page: Any, studio: Any) -> None:
    _open(page, studio, "Inspect")
    viewer = page.get_by_test_id("cityseg-viewer")
    sync_api.expect(viewer).to_have_attribute("data-ready", "true")

    # The classes are one tab stop.
    legend = viewer.get_by_role("toolbar", name="Classes in the image")
    assert legend.locator("button:not([tabindex='-1'])").count() == 1
    viewer.get_by_role("button", name="List of keys").focus()
    page.keyboard.press("Tab")
    for _ in range(3):  # from all over none to the second class
        page.keyboard.press("ArrowRight")
    chosen = page.evaluate(FOCUSED)
    page.keyboard.press("Enter")
    sync_api.expect(viewer).to_have_attribute("data-hidden-classes", chosen)
    page.keyboard.press("Shift+Enter")
    hidden = viewer.get_attribute("data-hidden-classes").split(",")
    classes = {chip.get_attribute("data-class") for chip in legend.locator("[data-class]").all()}
    assert set(hidden) == classes - {chosen}
    assert page.evaluate(FOCUSED) == chosen
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) not in classes

    # Shift and an arrow key read a pixel, Enter chooses it.
    row, column = (int(part) for part in reversed(viewer.get_attribute("data-mark").split(",")))
    down = "ArrowUp" if row > 32 else "ArrowDown"
    viewer.locator("canvas").focus()
    page.keyboard.press(f"Shift+{down}")
    sync_api.expect(viewer.locator("[role=status]")).to_contain_text("ground truth: ")
    page.keyboard.press("Enter")
    moved = row - 2 if row > 32 else row + 2
    page.wait_for_function(
        "pixel => new URLSearchParams(location.search).get('pixel') === pixel", arg=f"{moved},{column}"
    )
    _settle(page)
    assert page.evaluate(FOCUSED) == "CANVAS"
    page.keyboard.press("?")
    sync_api.expect(viewer.locator(".keys")).to_be_visible()
    page.keyboard.press("Escape")
    sync_api.expect(viewer.locator(".keys")).to_be_hidden()
