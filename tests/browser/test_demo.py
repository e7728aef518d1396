"""The demo in a real browser: a prediction when it loads, a click on an example, no requests to other hosts."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cityseg import demo
from cityseg.runs import Run

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def offered(trained: Run) -> list[str]:
    """The models of the demo; tests add some while it runs."""
    return [str(trained.folder)]


@pytest.fixture(scope="module")
def address(offered: list[str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with demo.running(offered, port=port, examples=2) as where:
        yield where


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_examples_are_clicked_and_photos_uploaded(
    browser: Any, address: str, tmp_path: Path, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(address)
        summary, overlay = page.locator("#summary"), page.locator("#overlay img")
        sync_api.expect(summary).to_contain_text("512 × 256 pixels", timeout=30_000)
        sync_api.expect(overlay).to_have_count(2)
        arrived = [image.get_attribute("src") for image in overlay.all()]
        page.locator("#examples button").nth(1).click()
        sync_api.expect(overlay.first).not_to_have_attribute("src", arrived[0], timeout=30_000)
        sync_api.expect(overlay.first).to_have_js_property("naturalWidth", 512)

        Image.fromarray(np.zeros((50, 70, 3), np.uint8)).save(tmp_path / "photo.png")
        page.get_by_role("button", name="Clear").or_(page.get_by_label("Remove Image")).first.click()
        page.locator("#photo input[type=file]").set_input_files(tmp_path / "photo.png")
        sync_api.expect(summary).to_contain_text("70 × 50 pixels", timeout=30_000)

        (tmp_path / "words.png").write_bytes(b"just some words")
        page.get_by_role("button", name="Clear").or_(page.get_by_label("Remove Image")).first.click()
        page.locator("#photo input[type=file]").set_input_files(tmp_path / "words.png")
        sync_api.expect(page.get_by_text("words.png: expected a photo (JPEG")).to_be_visible(timeout=30_000)
        # The answer for the photo before does not stay beside the error.
        sync_api.expect(overlay).to_have_count(0)
        sync_api.expect(summary).not_to_contain_text("70 × 50 pixels")

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []
        assert errors == []
    finally:
        page.close()


def test_new_model_is_listed_after_a_reload(
    browser: Any, address: str, offered: list[str], trained: Run, tmp_path: Path
) -> None:
    shutil.copytree(trained.folder, tmp_path / "newer")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        page.goto(address)
        summary, chooser = page.locator("#summary"), page.get_by_label("Model")
        sync_api.expect(summary).to_contain_text("tiny took", timeout=30_000)
        offered.append(str(tmp_path / "newer"))
        page.reload()
        sync_api.expect(summary).to_contain_text("tiny took", timeout=30_000)
        chooser.click()
        page.get_by_role("option", name="newer").click()
        sync_api.expect(summary).to_contain_text("newer took", timeout=30_000)
    finally:
        offered.remove(str(tmp_path / "newer"))
        page.close()
