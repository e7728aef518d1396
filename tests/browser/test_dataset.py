"""The Dataset page in a browser: links, the grid, the colours of the whole app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

# Every test opens pages as a new visitor.
pytestmark = pytest.mark.slow

WIDE = {"width": 1440, "height": 1000}


@pytest.fixture(scope="module")
def studio(browser: Any, serve_synthetic: Callable[..., Any]) -> Any:
    """The app with a synthetic dataset that fills more than one page of the grid."""
    return serve_synthetic(frames=30)


@pytest.fixture
def visit(browser: Any, studio: Any) -> Iterator[Callable[..., Any]]:
    """Open an address in a new browser context, optionally with a WebSocket handler of its own."""
    contexts: list[Any] = []

    def go(address: str, line: Callable[[Any], None] | None = None) -> Any:
        contexts.append(browser.new_context(viewport=WIDE))
        page = contexts[-1].new_page()
        if line:
            page.route_web_socket("**/_stcore/stream", line)
        page.goto(address if address.startswith("http") else f"{studio.address}/{address}")
        page.locator("[data-testid=cityseg-viewer][data-ready=true]").first.wait_for(timeout=60_000)
        settle(page)
        return page

    yield go
    for context in contexts:
        context.close()


def settle(page: Any) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)


def cells(page: Any) -> list[str]:
    return page.locator(".gallery button").evaluate_all("cells => cells.map((cell) => cell.dataset.name)")


def expect_chosen(page: Any, name: str) -> None:
    sync_api.expect(page.locator('.gallery button[aria-pressed="true"]')).to_have_attribute("data-name", name)


def test_a_copied_link_shows_the_same_view_in_another_browser(visit: Callable[[str], Any]) -> None:
    page = visit("dataset?sort=random&seed=3")
    page.locator(".st-key-data_page").get_by_text("2", exact=True).click()
    sync_api.expect(page.locator(".gallery button")).to_have_count(6)
    settle(page)
    page.locator(".gallery button").nth(1).click()
    page.wait_for_function("new URL(location).searchParams.has('frame')")
    shown = cells(page)
    expect_chosen(page, shown[1])
    asked = {name: value[0] for name, value in parse_qs(urlsplit(page.url).query).items()}
    assert asked == {"sort": "random", "seed": "3", "page": "2", "frame": shown[1]}
    other = visit(page.url)
    assert cells(other) == shown
    expect_chosen(other, shown[1])
    sync_api.expect(other.get_by_text(f"{shown[1]} ·")).to_be_visible()


def test_a_link_opens_its_tab_with_its_choices(visit: Callable[[str], Any]) -> None:
    page = visit("dataset?tab=Augmentation&recipe=better-2&draws=5")
    assert page.get_by_role("tab", name="Augmentation").get_attribute("aria-selected") == "true"
    sync_api.expect(page.locator(".st-key-data_recipe input")).to_have_value("better-2")
    sync_api.expect(page.locator(".st-key-data_draws input")).to_have_value("5")
    assert len(cells(page)) == 8


def test_next_steps_through_the_filtered_list(visit: Callable[[str], Any]) -> None:
    page = visit("dataset?split=val&sort=darkest+first")
    listed = cells(page)
    for place in (1, 2):
        page.get_by_role("button", name="Next picture").click()
        page.wait_for_function("name => new URL(location).searchParams.get('frame') === name", arg=listed[place])
    expect_chosen(page, listed[2])
    sync_api.expect(page.get_by_text(f"{listed[2]} ·")).to_be_visible()


def test_a_click_enlarges_a_sample(visit: Callable[[str], Any]) -> None:
    page = visit("dataset?tab=Augmentation")
    page.locator(".gallery button").nth(3).click()
    page.get_by_text("sample 4 of 8").wait_for()
    expect_chosen(page, "3")


def test_colour_switch_of_the_viewer_applies_to_the_app(visit: Callable[[str], Any]) -> None:
    page = visit("dataset?look=labels")
    viewer = page.locator("[data-testid=cityseg-viewer]")
    before = page.locator(".gallery img").first.get_attribute("src")
    viewer.get_by_role("button", name="Colour-blind-safe colours").click()
    sync_api.expect(viewer).to_have_attribute("data-palette", "colour-blind-safe")
    page.wait_for_function("new URL(location).searchParams.get('safe_colors') === 'true'")
    settle(page)
    assert page.get_by_role("switch", name="Colour-blind-safe colours").is_checked()
    sync_api.expect(page.locator(".gallery img").first).not_to_have_attribute("src", str(before))
    page.locator(".st-key-safe_colors label").first.click()
    sync_api.expect(viewer).to_have_attribute("data-palette", "official")
    sync_api.expect(page.locator(".gallery img").first).to_have_attribute("src", str(before))


class RepeatedRerun:
    """A WebSocket handler that repeats an automatic rerun of the page after the viewer has sent a change."""

    def __init__(self) -> None:
        self.renewal: bytes | None = None
        self.repeats = 0

    def __call__(self, page_side: Any) -> None:
        server_side = page_side.connect_to_server()

        def from_page(message: bytes | str) -> None:
            server_side.send(message)
            sent = BackMsg()
            sent.ParseFromString(message)
            if sent.rerun_script.is_auto_rerun and not self.repeats:
                self.renewal = message
            elif any("palette" in state.json_trigger_value for state in sent.rerun_script.widget_states.widgets):
                self.repeats = 20

        def from_server(message: bytes | str) -> None:
            page_side.send(message)
            if self.repeats and self.renewal:
                self.repeats -= 1
                server_side.send(self.renewal)

        page_side.on_message(from_page)
        server_side.on_message(from_server)


def test_colour_switch_of_the_viewer_survives_an_older_rerun(visit: Callable[..., Any]) -> None:
    line = RepeatedRerun()
    page = visit("dataset?look=labels", line)
    before = page.locator(".gallery img").first.get_attribute("src")
    for _ in range(100):
        if line.renewal is None:
            page.wait_for_timeout(100)
    page.get_by_test_id("cityseg-viewer").get_by_role("button", name="Colour-blind-safe colours").click()
    sync_api.expect(page.get_by_role("switch", name="Colour-blind-safe colours")).to_be_checked()
    sync_api.expect(page.locator(".gallery img").first).not_to_have_attribute("src", str(before))
    settle(page)
    assert line.renewal, "no part of the page has rerun by itself within ten seconds"
    assert line.repeats < 20
    sync_api.expect(page.get_by_role("switch", name="Colour-blind-safe colours")).to_be_checked()
    sync_api.expect(page.get_by_test_id("cityseg-viewer")).to_have_attribute("data-palette", "colour-blind-safe")
    sync_api.expect(page.locator(".gallery img").first).not_to_have_attribute("src", str(before))


def test_the_colours_stay_on_other_pages(visit: Callable[[str], Any]) -> None:
    page = visit("dataset?safe_colors=true")
    page.locator("[data-testid=stSidebarNav]").get_by_text("Overview", exact=True).click()
    sync_api.expect(page.get_by_role("heading", level=1)).not_to_have_text("Dataset", timeout=60_000)
    viewer = page.locator("[data-testid=cityseg-viewer][data-ready=true]").first
    sync_api.expect(viewer).to_have_attribute("data-palette", "colour-blind-safe", timeout=60_000)


def test_a_frames_files_can_be_downloaded(visit: Callable[[str], Any]) -> None:
    page = visit("dataset")
    name = cells(page)[0]
    for button, kind in (("Photo", "photo"), ("Label ids", "labelIds"), ("Colours", "color"), ("Overlay", "overlay")):
        with page.expect_download() as waiting:
            page.locator(".st-key-frame_large").get_by_role("button", name=button, exact=True).click()
        assert waiting.value.suggested_filename == f"{name}_{kind}.png"
        with Image.open(waiting.value.path()) as image:
            assert (image.format, image.size, image.mode) == ("PNG", (128, 64), "L" if kind == "labelIds" else "RGB")
