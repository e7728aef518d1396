"""The compare page in a real browser: two runs, the flip map between them, and the frames most broken first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cityseg import api
from cityseg.config import build
from cityseg.data.synthetic import synthesize

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {"image_size": (32, 64), "start_channels": 4, "depth": 1, "epochs": 1, "batch_size": 4, "precision": "float32"}


@pytest.fixture(scope="module")
def address(serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app over a small synthetic set with two runs on it."""
    folder = tmp_path_factory.mktemp("compared")
    synthesize(folder / "set", frames=20, seed=5, size=(64, 128))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(folder / "cache"))
        for seed, name in enumerate(("first", "second")):
            api.train(build({**CONFIG, "seed": seed}), str(folder / "set"), name=name, runs=folder / "runs")
    return serve(
        ROOT / "app.py",
        folder,
        CITYSEG_DATA=str(folder / "set"),
        CITYSEG_RUNS=str(folder / "runs"),
        CITYSEG_CACHE=str(folder / "cache"),
        OMP_NUM_THREADS="1",
    ).address


@pytest.fixture
def page(browser: Any) -> Any:
    page = browser.new_page(viewport={"width": 1440, "height": 1600})
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not errors


def _settle(page: Any) -> None:
    """Wait until the script has run to its end."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def _query(page: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_gallery_and_viewer_step_through_flip_maps(page: Any, address: str) -> None:
    page.goto(f"{address}/compare?runs=first,second&split=val&from=first&to=second")
    page.get_by_role("tab", name="Pictures").click()
    flips = page.locator("[data-testid=cityseg-viewer][data-key=flips_map][data-ready=true]")
    sync_api.expect(flips.locator("select.left")).to_have_value("flip map", timeout=60_000)
    sync_api.expect(flips.locator(".legend")).to_contain_text("both wrong")
    cells = page.locator(".st-key-flips_strip .gallery button")
    sync_api.expect(cells).to_have_count(3)
    sync_api.expect(cells.first).to_have_attribute("aria-pressed", "true")
    first, second = (cells.nth(position).get_attribute("data-name") for position in (0, 1))
    page.wait_for_function("location.search.includes('frame=')")
    assert _query(page)["frame"] == first
    _settle(page)
    cells.nth(1).click()
    page.wait_for_function(f"location.search.includes('frame={second}')")
    sync_api.expect(flips.locator(f"canvas[aria-label*='{second}']")).to_be_visible(timeout=60_000)
    _settle(page)
    flips.get_by_role("button", name="Previous picture").click()
    sync_api.expect(cells.first).to_have_attribute("aria-pressed", "true", timeout=60_000)
    _settle(page)
    flips.get_by_role("button", name="Next picture").click()
    sync_api.expect(cells.nth(1)).to_have_attribute("aria-pressed", "true", timeout=60_000)
    page.wait_for_function(f"location.search.includes('frame={second}')")
    # The same link in another tab shows the same frame.
    page.goto(page.url)
    sync_api.expect(flips.locator(f"canvas[aria-label*='{second}']")).to_be_visible(timeout=60_000)
    sync_api.expect(cells.nth(1)).to_have_attribute("aria-pressed", "true")


def test_confusion_sentence_opens_its_frames_on_the_inspect_page(page: Any, address: str) -> None:
    page.goto(f"{address}/compare?runs=first,second&split=val&view=Confusions&from=first&to=second")
    sentence = page.locator("[class*=st-key-confusions_pair_] button").first
    sync_api.expect(sentence).to_be_visible(timeout=60_000)
    # The page reruns once its link has been read, which may replace the first sentence.
    _settle(page)
    words = sentence.inner_text()
    sentence.click()
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("Inspect", timeout=60_000)
    page.wait_for_function("location.search.includes('by=')")
    truth, _, predicted = _query(page)["by"].partition(" predicted as ")
    assert f" of {truth} pixels as {predicted}, second " in words
    assert _query(page)["result"] == ("first" if "better" in words else "second")
    ordered = page.locator(".st-key-inspect_scope input")
    sync_api.expect(ordered).to_have_value(f"{truth} predicted as {predicted}", timeout=60_000)
