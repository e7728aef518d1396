"""What a first-time user met: names that look alike, raw messages, specks, a list of files in the sidebar."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

LONG = "sweep-of-learning-rates-with-the-large-network-and-strong-augmentation"


@pytest.fixture(scope="module")
def studio(serve_synthetic: Callable[..., Any]) -> Any:
    return serve_synthetic(12, runs=(f"{LONG}-1", f"{LONG}-2"))


@pytest.fixture
def page(browser: Any, studio: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(60_000)
    yield page
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()


def test_the_sidebar_never_lists_files(page: Any, studio: Any) -> None:
    """The first test of this module: the server has run no script yet."""
    page.add_init_script(
        "new MutationObserver(() => { for (const link of document.querySelectorAll('[data-testid=stSidebarNavLink]'))"
        " (window.links ??= new Set()).add(link.innerText.trim()); })"
        ".observe(document, {subtree: true, childList: true})"
    )
    page.goto(f"{studio.address}/compare")
    page.get_by_role("heading", name="Compare", level=1).wait_for()
    page.get_by_test_id("stSidebarNavLink").first.wait_for()
    names = set(page.evaluate("[...window.links]")) - {""}
    assert {name.split()[-1] for name in names} == {"Overview", "Dataset", "Train", "Compare", "Inspect", "Predict"}


def test_long_names_keep_both_ends(page: Any, studio: Any) -> None:
    page.goto(f"{studio.address}/train")
    page.locator(".st-key-followed_run input").click()
    options = page.get_by_role("option")
    options.first.wait_for()
    shown = options.all_inner_texts()
    assert shown == ["sweep-of-learning-rate…strong-augmentation-2", "sweep-of-learning-rate…strong-augmentation-1"]


def test_wrong_values_of_a_sweep_are_refused_in_words(page: Any, studio: Any) -> None:
    page.goto(f"{studio.address}/train")
    page.get_by_text("Sweep: several runs at once").click()
    page.locator(".st-key-sweep_fields input").press_sequentially("Learning rate")
    page.get_by_role("option", name="Learning rate", exact=True).click()
    values = page.locator("[class*=st-key-sweep_values] input")
    values.fill("0.003; abc")
    values.press("Enter")
    page.get_by_text("expected values with commas between them, found semicolons in '0.003; abc'").wait_for()
    values.fill("0.003, abc")
    values.press("Enter")
    page.get_by_text("learning_rate: expected a number, found 'abc'").wait_for()


def test_sizes_leave_out_specks(page: Any, studio: Any) -> None:
    page.goto(f"{studio.address}/dataset?tab=Sizes")
    page.get_by_text("objects are smaller than 4 px and left out").wait_for()
    page.locator(".st-key-data_area input").click()
    page.get_by_role("option", name="all objects").click()
    page.wait_for_url("**area=1**")


def test_warnings_name_their_models_and_all_can_be_downloaded(page: Any, studio: Any) -> None:
    page.goto(f"{studio.address}/predict?model=better-1,better-2&from=photos")
    noise = np.random.default_rng(0).integers(0, 256, (96, 192, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(
        {"name": "noise.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    warning = page.get_by_role("alert").filter(has_text="Compared with the 250 val frames")
    sync_api.expect(warning).to_contain_text("better-1")
    page.get_by_role("radio", name="better-2", exact=True).click()
    page.get_by_text("prediction of better-2, at the photo's own size").wait_for()
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Overlay").click()
    assert arriving.value.suggested_filename == "noise_better-2_overlay.png"
    page.get_by_role("button", name="All 2 models as zip").wait_for()
