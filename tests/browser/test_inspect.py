"""The inspect page in a real browser: a cell of the matrix leads to its places, a click to the pixel's classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cityseg import api, config
from cityseg.classes import CLASS_NAMES
from cityseg.data.synthetic import synthesize
from cityseg.runs import Run

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
RECIPE = {
    "image_size": (32, 64),
    "start_channels": 4,
    "depth": 1,
    "epochs": 6,
    "batch_size": 4,
    "learning_rate": 0.02,
    "precision": "float32",
}
"""Learns a few classes in a second."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 20 small drawn frames, in a folder beside them."""
    folder = tmp_path_factory.mktemp("inspect")
    synthesize(folder / "set", frames=20, seed=5, size=(64, 128))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(folder / "cache"))
        return api.train(config.build(RECIPE), str(folder / "set"), name="looked-at", runs=folder / "runs").run


@pytest.fixture
def page(browser: Any, serve: Callable[..., Any], run: Run) -> Any:
    folder = run.folder.parents[1]
    served = serve(
        ROOT / "app.py",
        folder,
        CITYSEG_DATA=str(folder / "set"),
        CITYSEG_RUNS=str(folder / "runs"),
        CITYSEG_CACHE=str(folder / "cache"),
        OMP_NUM_THREADS="1",
    )
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{served.address}/inspect?result=looked-at&split=val")
    page.wait_for_selector("[data-testid=cityseg-viewer][data-ready=true]", timeout=90_000)
    yield page
    page.close()


def test_a_cell_leads_to_places_and_a_click_to_the_pixel(page: Any, run: Run) -> None:
    stored = run.confusions("val")
    total = stored.matrices.sum(0)
    np.fill_diagonal(total, 0)
    truth, called = (int(part) for part in np.unravel_index(total.argmax(), total.shape))
    words = f"{CLASS_NAMES[truth]} predicted as {CLASS_NAMES[called]}"

    cell = page.locator(f"[data-testid=cityseg-matrix] [data-cell='{truth} {called}']")
    cell.hover()
    expected = f"pixels are called {CLASS_NAMES[called]} ({total[truth, called]:,} pixels)."
    sync_api.expect(page.locator("[data-testid=cityseg-matrix] .said")).to_contain_text(expected)
    cell.click()
    places = page.locator(".st-key-inspect_places .gallery button")
    sync_api.expect(places.first).to_be_visible(timeout=60_000)
    sync_api.expect(cell).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("words => new URLSearchParams(location.search).get('by') === words", arg=words)
    assert 1 <= places.count() <= 8
    for place in places.all():
        sync_api.expect(place.locator("img")).not_to_have_js_property("naturalWidth", 0)

    # A place leads to its frame, which is scrolled to.
    name = places.last.get_attribute("data-name").rpartition(" ")[0]
    places.last.click()
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
    frame = api.frame_view(str(run.folder.parents[1] / "set"), "val", name)
    prediction = api.load_predictor(str(run.folder)).predict(frame.photo)
    rows = page.locator(".pixel li")
    # The place that was clicked had a pixel of its own, whose list may stand a moment longer than its heading.
    confidence = f"{100 * prediction.confidence[row, column]:.1f} %"
    sync_api.expect(rows.first).to_contain_text(confidence)
    assert rows.count() == 5
    first = rows.first.inner_text().replace("✓", "").split("\n")
    assert first[0].strip() == CLASS_NAMES[prediction.train_ids[row, column]]
    assert first[-1] == confidence
    assert not page.errors
    assert page.locator("[data-testid=stException]").count() == 0
