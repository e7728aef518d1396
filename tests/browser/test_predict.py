"""The Predict page in a real browser: photos, models, a threshold, a video; and concurrent sessions."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import hostile
from benchmarks.visitor import Visitor
from cityseg.data.synthetic import render
from cityseg.inference.video import VideoWriter

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def studio(browser: Any, serve_synthetic: Callable[..., Any]) -> Any:
    """The app over a small synthetic dataset, with the shipped models."""
    return serve_synthetic()


def test_two_photos_two_models_and_a_threshold(browser: Any, studio: Any, tmp_path: Path) -> None:
    photos = []
    for seed in (1, 2):
        photos.append(tmp_path / f"photo-{seed}.jpg")
        Image.fromarray(render(seed, size=(96, 160)).photo).save(photos[-1])
    (tmp_path / "notes.jpg").write_bytes(b"no photo")
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(f"{studio.address}/predict?from=photos&model=experiment-1,better-1")
        upload = page.get_by_test_id("stFileUploaderDropzoneInput")
        upload.set_input_files([*photos, tmp_path / "notes.jpg"], timeout=60_000)
        sync_api.expect(page.get_by_text("notes.jpg: expected a photo")).to_be_visible(timeout=60_000)
        viewers = page.locator(".viewer[data-ready=true]")
        sync_api.expect(viewers).to_have_count(2, timeout=60_000)
        page.locator(".gallery [data-name='photo-2.jpg']").click()
        sync_api.expect(page).to_have_url(re.compile("photo=photo-2.jpg"), timeout=30_000)
        slider = page.locator(".st-key-predict_unknown").get_by_role("slider")
        slider.focus()
        slider.press("End")
        sync_api.expect(page).to_have_url(re.compile("unknown=99"), timeout=30_000)
        sync_api.expect(page.get_by_text("of this photo is unknown").first).to_be_visible(timeout=30_000)
        sync_api.expect(viewers.first.locator("[data-class=unknown]")).to_be_visible(timeout=30_000)
        # The viewers zoom together.
        viewers.first.locator(".zoom-in").click()
        sync_api.expect(viewers.nth(1)).to_have_attribute("data-zoom", "1.50")
        page.get_by_role("tab", name="Model agreement").click()
        sync_api.expect(page.get_by_text(re.compile("Both models agree on"))).to_be_visible(timeout=30_000)
        with page.expect_download(timeout=60_000) as arriving:
            page.get_by_role("button", name="All 2 photos of 2 models as zip").click()
        assert arriving.value.suggested_filename == "photos_cityseg.zip"
    finally:
        page.close()
    assert not errors
    assert "most recent call last" not in studio.log.read_text()


@pytest.mark.parametrize("models", ["best-1", "best-1,better-1"])
def test_the_result_comes_first_on_a_phone(browser: Any, studio: Any, models: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    try:
        page.goto(f"{studio.address}/predict?model={models}")
        viewer = page.locator(".viewer[data-ready=true]").first
        sync_api.expect(viewer).to_be_visible(timeout=60_000)
        figures = (
            page.get_by_text("Mean confidence").first if models == "best-1" else page.get_by_test_id("stDataFrame")
        )
        sync_api.expect(figures.first).to_be_visible(timeout=30_000)
        controls = page.locator(".st-key-predict_controls")
        tops = [part.bounding_box()["y"] for part in (viewer, controls, figures.first)]
        assert tops == sorted(tops)
        assert tops[0] + viewer.bounding_box()["height"] < 844, "the first screen shows the whole viewer"
    finally:
        page.close()


def test_figures_stand_beside_the_result_on_a_wide_page(browser: Any, studio: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        page.goto(f"{studio.address}/predict?model=best-1")
        sync_api.expect(page.locator(".viewer[data-ready=true]")).to_be_visible(timeout=60_000)
        confidence = page.get_by_test_id("stMetric").filter(has_text="Mean confidence")
        sync_api.expect(confidence).to_be_visible(timeout=30_000)
        viewer, controls = (
            page.locator(".viewer").bounding_box(),
            page.locator(".st-key-predict_controls").bounding_box(),
        )
        assert confidence.bounding_box()["x"] > viewer["x"] + viewer["width"]
        assert controls["y"] > viewer["y"] + viewer["height"]
        assert controls["width"] == pytest.approx(viewer["width"], abs=4)
    finally:
        page.close()


def test_overlay_video_plays(browser: Any, studio: Any, tmp_path: Path) -> None:
    scene = np.asarray(render(3, size=(96, 240)).photo)
    writer = VideoWriter(tmp_path / "drive.mp4", Fraction(12))
    for number in range(12):
        writer.add(scene[:, 4 * number : 4 * number + 160])
    writer.close()
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(f"{studio.address}/predict?from=clip&model=better-1")
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / "drive.mp4", timeout=60_000)
        page.get_by_role("button", name="Make the overlay video").click(timeout=60_000)
        # The browser plays it by itself, so it supports the codec.
        playing = "() => { const v = document.querySelector('video'); return v && v.currentTime > 0 && v.videoWidth }"
        assert page.wait_for_function(playing, timeout=60_000).json_value() == 160
        sync_api.expect(page.get_by_text("Class shares over time")).to_be_visible(timeout=30_000)
        assert page.evaluate("document.querySelector('video').duration") == pytest.approx(1.0)
        with page.expect_download(timeout=60_000) as arriving:
            page.get_by_role("button", name="Both as zip").click()
        assert arriving.value.suggested_filename == "drive_cityseg.zip"
    finally:
        page.close()
    assert not errors
    assert "most recent call last" not in studio.log.read_text()


def test_concurrent_visitors_get_predictions_of_their_own_photos(studio: Any) -> None:
    shapes = [(60 + 2 * number, 90 + number) for number in range(4)]
    visitors = [Visitor(studio.address, "predict", "from=photos&model=better-1") for _ in shapes]

    def visit(number: int) -> list[tuple[int, int]]:
        visitors[number].open()
        file = io.BytesIO()
        Image.fromarray(render(number, size=shapes[number]).photo).save(file, "PNG")
        answer = visitors[number].upload(f"photo-{number}.png", file.getvalue())
        visitors[number].close()
        assert not answer.of_kind("exception")
        assert 0 < answer.seen <= answer.seconds
        return [(shown["photo"]["height"], shown["photo"]["width"]) for shown in answer.viewers()]

    with ThreadPoolExecutor(len(visitors)) as crowd:
        assert list(crowd.map(visit, range(len(visitors)))) == [[shape] for shape in shapes]


def test_odd_files_are_predicted_or_rejected_with_a_message(studio: Any, tmp_path: Path) -> None:
    found = hostile.attack(hostile.through_page(studio.address), hostile.files(20, small=True), tmp_path)
    assert found["wrong_files"] == []
    assert min(found["right"], found["refused"]) >= 5
    assert "most recent call last" not in studio.log.read_text()
