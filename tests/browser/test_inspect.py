"""The Inspect page in a browser: a matrix cell leads to its regions, a click into the photo to the pixel's classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cityseg import api
from cityseg.classes import CLASS_NAMES
from cityseg.runs import Run

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
SCROLLS = """
window.scrolls = [];
const scroll = Element.prototype.scrollIntoView;
Element.prototype.scrollIntoView = function (options) {
  const part = this.className.match?.(/st-key-(\\w+)/)?.[1];
  if (part) window.scrolls.push([part, options?.behavior]);
  scroll.call(this, options);
};
"""
"""Records to which part a page scrolls, and how; the tab bar and the driver scroll by themselves."""


@pytest.fixture
def page(browser: Any, serve: Callable[..., Any], inspected: Run) -> Any:
    folder = inspected.folder.parents[1]
    served = serve(
        ROOT / "app.py",
        folder,
        CITYSEG_DATA=str(folder / "set"),
        CITYSEG_RUNS=str(folder / "runs"),
        CITYSEG_CACHE=str(folder / "cache"),
        OMP_NUM_THREADS="1",
    )
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.add_init_script(SCROLLS)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{served.address}/inspect?result=inspected&split=val")
    page.wait_for_selector("[data-testid=cityseg-viewer][data-ready=true]", timeout=90_000)
    yield page
    page.close()


def test_cell_shows_regions_and_click_shows_pixel(page: Any, inspected: Run) -> None:
    stored = inspected.confusions("val")
    total = stored.matrices.sum(0)
    np.fill_diagonal(total, 0)
    truth, predicted = (int(part) for part in np.unravel_index(total.argmax(), total.shape))
    words = f"{CLASS_NAMES[truth]} predicted as {CLASS_NAMES[predicted]}"

    cell = page.locator(f"[data-testid=cityseg-matrix] [data-cell='{truth} {predicted}']")
    cell.hover()
    expected = f"pixels are predicted as {CLASS_NAMES[predicted]} ({total[truth, predicted]:,} pixels)."
    sync_api.expect(page.locator("[data-testid=cityseg-matrix] .said")).to_contain_text(expected)
    cell.click()
    regions = page.locator(".st-key-inspect_places .gallery button")
    sync_api.expect(regions.first).to_be_visible(timeout=60_000)
    sync_api.expect(cell).to_have_attribute("aria-selected", "true")
    page.wait_for_function("words => new URLSearchParams(location.search).get('by') === words", arg=words)
    assert 1 <= regions.count() <= 8
    for region in regions.all():
        sync_api.expect(region.locator("img")).not_to_have_js_property("naturalWidth", 0)

    # The regions come into view, once.
    heading = page.get_by_role("heading", name=words.capitalize())
    sync_api.expect(heading).to_be_in_viewport(timeout=10_000)
    assert page.evaluate("window.scrolls") == [["inspect_confusion", "smooth"]]

    # A region leads to its frame, which is scrolled into view.
    name = regions.last.get_attribute("data-name").rpartition(" ")[0]
    regions.last.click()
    page.wait_for_function("name => new URLSearchParams(location.search).get('frame') === name", arg=name)
    canvas = page.locator("[data-testid=cityseg-viewer] canvas")
    sync_api.expect(canvas).to_be_in_viewport(timeout=10_000)

    page.wait_for_selector("[data-testid=cityseg-viewer][data-ready=true]")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    box = canvas.bounding_box()
    row, column = 48, 32  # of 64 x 128
    canvas.click(position={"x": box["width"] * (column + 0.5) / 128, "y": box["height"] * (row + 0.5) / 64})
    sync_api.expect(page.get_by_text(f"(row {row}, column {column})")).to_be_visible(timeout=30_000)
    page.wait_for_function("new URLSearchParams(location.search).get('pixel') === '48,32'")
    sync_api.expect(page.get_by_test_id("cityseg-viewer")).to_have_attribute("data-mark", f"{column},{row}")
    frame = api.frame_view(str(inspected.folder.parents[1] / "set"), "val", name)
    prediction = api.load_predictor(str(inspected.folder)).predict(frame.photo)
    rows = page.locator(".pixel li")
    # The list of the former pixel may stay a moment longer than its heading.
    confidence = f"{100 * prediction.confidence[row, column]:.1f} %"
    sync_api.expect(rows.first).to_contain_text(confidence)
    assert rows.count() == 5
    first = rows.first.inner_text().replace("✓", "").split("\n")
    assert first[0].strip() == CLASS_NAMES[prediction.train_ids[row, column]]
    assert first[-1] == confidence
    assert not page.errors
    assert page.locator("[data-testid=stException]").count() == 0


@pytest.mark.slow
def test_scrolling_follows_clicks_alone_and_without_motion_if_asked(page: Any) -> None:
    """A first visit by a link, a rerun for another reason and Back leave the page where it is."""
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("tab", name="Slices").click()
    part = page.locator("[class*=st-key-inspect_part_] button").first
    part.click(timeout=30_000)
    sync_api.expect(page.get_by_role("button", name="All frames")).to_be_in_viewport(timeout=30_000)
    assert page.evaluate("window.scrolls") == [["inspect_frames", "auto"]]
    page.get_by_role("tab", name="Calibration").click()
    sync_api.expect(page.get_by_text("Risk-coverage")).to_be_visible(timeout=30_000)
    page.go_back()
    sync_api.expect(part).to_be_visible(timeout=30_000)
    page.go_back()
    sync_api.expect(page.get_by_role("button", name="All frames")).to_have_count(0, timeout=30_000)
    assert len(page.evaluate("window.scrolls")) == 1
    page.goto(page.url.partition("?")[0] + "?result=inspected&split=val&by=pixel%20accuracy&look=Slices")
    sync_api.expect(part).to_be_visible(timeout=60_000)
    assert page.evaluate("window.scrolls") == []
    assert not page.errors
