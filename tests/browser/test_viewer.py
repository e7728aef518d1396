"""The viewer in a real browser: drawing, pointers, keys and events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cityseg.classes import PALETTE

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

# A flat grey photo, and labels at half its size: sky on the left, a car on the right that the model takes for a
# truck, noise in a corner to exercise every PNG filter, and a void strip below.
APP = """
import numpy as np, streamlit as st
from cityseg.ui.common.viewer import Layer, viewer

st.set_page_config(layout="wide")
turn = st.session_state.setdefault("turn", 0)
photo = np.full((256, 512, 3), 128 + turn, dtype=np.uint8)
truth = np.full((128, 256), 10, dtype=np.uint8)
truth[:, 128:] = 13
truth[:16, 64:128] = np.random.default_rng(0).integers(0, 19, (16, 64))
truth[112:] = 255
prediction = np.where(truth == 13, 14, truth).astype(np.uint8)
layers = [Layer("truth", truth), Layer("prediction", prediction, np.full((128, 256), 0.71))]
event = viewer(photo, layers, key="first", alt="A test street.", navigation=True, group="group")
pair = ("truth", "prediction")
viewer(photo, layers, key="second", alt="Again.", compare=pair, group="group", legend=False)
viewer(photo, layers[:1], key="third", alt="Alone.")
if event:
    st.write(f"event {event.kind} {event.x} {event.y}")
if st.button("Next frame"):
    st.session_state["turn"] += 1
    st.rerun()
st.write(f"turn {turn}")
"""

WIDE = {"width": 1000, "height": 1500}
SKY, CAR, TRUCK, GREY = [70, 130, 180], [0, 0, 142], [0, 0, 70], [128, 128, 128]


@pytest.fixture(scope="module")
def address(browser: Any, serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a small app of its own."""
    folder = tmp_path_factory.mktemp("viewer_app")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    return serve(folder / "app.py", folder).address


@pytest.fixture
def page(browser: sync_api.Browser, address: str) -> Iterator[sync_api.Page]:
    """A tab of its own with the three viewers; an error in the browser fails the test."""
    page = browser.new_page(viewport=WIDE)
    page.set_default_timeout(8000)
    sync_api.expect.set_options(timeout=8000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    # The first run imports the package, which takes longer than any later one.
    page.locator('[data-key="third"][data-ready=true]').wait_for(timeout=60_000)
    yield page
    page.close()
    assert not errors


def _viewer(page: sync_api.Page, name: str = "first") -> sync_api.Locator:
    """A viewer that shows its current data."""
    found = page.locator(f'[data-testid="cityseg-viewer"][data-key="{name}"]')
    sync_api.expect(found).to_have_attribute("data-ready", "true")
    return found


def _pixel(viewer: sync_api.Locator, u: float, v: float) -> list[int]:
    """The drawn colour at a place of the canvas, 0 to 1 from the left and from the top, after the next frame."""
    return viewer.evaluate(
        """async (root, [u, v]) => {
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            const canvas = root.querySelector("canvas");
            const at = [Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1];
            return [...canvas.getContext("2d").getImageData(...at).data].slice(0, 3);
        }""",
        [u, v],
    )


def _set_opacity(viewer: sync_api.Locator, percent: int) -> None:
    viewer.get_by_label("Opacity of the labels").fill(str(percent))


def _near(color: list[int], expected: list[int]) -> bool:
    return max(abs(a - b) for a, b in zip(color, expected, strict=True)) <= 3


def _hover(page: sync_api.Page, viewer: sync_api.Locator, u: float, v: float) -> None:
    viewer.locator("canvas").scroll_into_view_if_needed()
    box = viewer.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])


def test_opacity_blends_photo_and_labels(page: sync_api.Page) -> None:
    viewer = _viewer(page)
    _set_opacity(viewer, 0)
    assert _near(_pixel(viewer, 0.2, 0.5), GREY)
    _set_opacity(viewer, 100)
    assert _pixel(viewer, 0.2, 0.5) == SKY
    assert _pixel(viewer, 0.8, 0.5) == CAR
    assert _near(_pixel(viewer, 0.8, 0.95), GREY), "void stays clear"
    _set_opacity(viewer, 50)
    assert _near(_pixel(viewer, 0.2, 0.5), [99, 129, 154])


def test_every_value_of_a_noisy_map_is_displayed(page: sync_api.Page) -> None:
    viewer = _viewer(page)
    _set_opacity(viewer, 100)
    noise = np.random.default_rng(0).integers(0, 19, (16, 64))
    for row, column in ((1, 3), (7, 20), (8, 41), (15, 63), (4, 33)):
        drawn = _pixel(viewer, (64 + column + 0.5) / 256, (row + 0.5) / 128)
        assert drawn == PALETTE[noise[row, column]].tolist()


def test_classes_can_be_hidden_and_isolated(page: sync_api.Page) -> None:
    viewer = _viewer(page)
    _set_opacity(viewer, 100)
    car = viewer.get_by_role("button", name="car", exact=False).first
    assert "50 %" in car.inner_text()
    car.click()
    sync_api.expect(viewer).to_have_attribute("data-hidden-classes", "car")
    sync_api.expect(car).to_have_attribute("aria-pressed", "false")
    assert _near(_pixel(viewer, 0.8, 0.5), GREY)
    assert _pixel(viewer, 0.2, 0.5) == SKY
    viewer.get_by_role("button", name="only car").click(force=True)
    assert _pixel(viewer, 0.8, 0.5) == CAR
    assert _near(_pixel(viewer, 0.2, 0.5), GREY)
    viewer.get_by_role("button", name="all", exact=True).click()
    sync_api.expect(viewer).to_have_attribute("data-hidden-classes", "")
    car.dblclick()
    assert _near(_pixel(viewer, 0.2, 0.5), GREY)


def test_palette_and_outline(page: sync_api.Page) -> None:
    viewer = _viewer(page)
    _set_opacity(viewer, 100)
    viewer.get_by_role("button", name="Colour-blind-safe colours").click()
    assert _pixel(viewer, 0.8, 0.5) == [0, 68, 136]
    other = _viewer(page, "third")
    sync_api.expect(other).to_have_attribute("data-palette", "colour-blind-safe")
    assert page.get_by_text("event palette").count() == 0, "the app's colours are no event of the page's"
    viewer.get_by_role("button", name="Outline").click()
    sync_api.expect(viewer).to_have_attribute("data-mode", "outline")
    assert _near(_pixel(viewer, 0.8, 0.5), GREY), "the inside is clear"
    assert _pixel(viewer, 0.5005, 0.5) == [0, 68, 136], "the border is drawn"


def test_tooltip_lists_the_class_of_every_layer(page: sync_api.Page) -> None:
    viewer = _viewer(page)
    tip = viewer.locator(".tip")
    _hover(page, viewer, 0.8, 0.5)
    sync_api.expect(tip).to_contain_text("truth: car")
    sync_api.expect(tip).to_contain_text("prediction: truck 71 %")
    _hover(page, viewer, 0.8, 0.95)
    sync_api.expect(tip).to_contain_text("truth: not scored")
    page.mouse.move(1, 1)
    sync_api.expect(tip).to_be_hidden()


def test_slider_divides_two_layers(page: sync_api.Page) -> None:
    viewer = _viewer(page, "second")
    _set_opacity(viewer, 100)
    sync_api.expect(viewer).to_have_attribute("data-split", "50.0")
    assert (viewer.get_attribute("data-left"), viewer.get_attribute("data-right")) == ("truth", "prediction")
    assert _pixel(viewer, 0.8, 0.5) == TRUCK
    _hover(page, viewer, 0.5, 0.5)
    page.mouse.down()
    _hover(page, viewer, 0.9, 0.5)
    page.mouse.up()
    assert 88 < float(viewer.get_attribute("data-split")) < 92
    assert _pixel(viewer, 0.8, 0.5) == CAR
    assert _pixel(viewer, 0.95, 0.5) == TRUCK
    viewer.get_by_label("Right of the slider").select_option("photo")
    assert _near(_pixel(viewer, 0.95, 0.5), GREY)
    divider = viewer.get_by_role("slider", name="Split between truth and photo")
    divider.press("ArrowLeft")
    assert 86 < float(viewer.get_attribute("data-split")) < 90
    divider.press("s")
    sync_api.expect(viewer).to_have_attribute("data-split", "off")


def test_only_viewers_of_a_group_share_their_state(page: sync_api.Page) -> None:
    first, second, third = (_viewer(page, name) for name in ("first", "second", "third"))
    first.locator("canvas").press("+")
    first.locator("canvas").press("o")
    for viewer in (first, second):
        sync_api.expect(viewer).to_have_attribute("data-opacity", "0.60")
        sync_api.expect(viewer).to_have_attribute("data-mode", "outline")
    sync_api.expect(third).to_have_attribute("data-opacity", "0.55")
    sync_api.expect(third).to_have_attribute("data-mode", "fill")


def test_zoom_keeps_the_point_under_the_pointer(page: sync_api.Page) -> None:
    viewer = _viewer(page, "third")
    _hover(page, viewer, 0.9, 0.5)
    page.mouse.wheel(0, -100)
    page.wait_for_timeout(50)
    sync_api.expect(viewer).to_have_attribute("data-zoom", "1.00")
    viewer.locator("canvas").focus()
    for _ in range(4):
        page.mouse.wheel(0, -200)
    sync_api.expect(viewer).not_to_have_attribute("data-zoom", "1.00")
    _set_opacity(viewer, 100)
    assert _pixel(viewer, 0.1, 0.5) == CAR, "the left half is outside the view"
    viewer.locator("canvas").dblclick(position={"x": 200, "y": 90})
    sync_api.expect(viewer).to_have_attribute("data-zoom", "1.00")
    assert _pixel(viewer, 0.1, 0.5) == SKY


def test_touch_taps_pinches_and_moves_the_slider(page: sync_api.Page) -> None:
    viewer = _viewer(page, "second")
    viewer.locator("canvas").scroll_into_view_if_needed()
    box = viewer.locator("canvas").bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": box["x"] + u * box["width"], "y": box["y"] + v * box["height"], "id": number}
            for number, (u, v) in enumerate(places)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.2, 0.5))
    touch("touchEnd")
    sync_api.expect(viewer.locator(".tip")).to_contain_text("truth: sky")
    touch("touchStart", (0.5, 0.5))
    for step in range(1, 6):
        touch("touchMove", (0.5 + 0.05 * step, 0.5))
    touch("touchEnd")
    sync_api.expect(viewer).to_have_attribute("data-split", "75.0")
    touch("touchStart", (0.3, 0.5))
    touch("touchStart", (0.3, 0.5), (0.4, 0.5))
    for step in range(1, 6):
        touch("touchMove", (0.3 - 0.02 * step, 0.5), (0.4 + 0.02 * step, 0.5))
    touch("touchEnd")
    assert 2.5 < float(viewer.get_attribute("data-zoom")) < 3.5
    sync_api.expect(viewer).to_have_attribute("data-split", "75.0")


def test_python_receives_clicks_and_navigation(page: sync_api.Page) -> None:
    viewer = _viewer(page)
    box = viewer.locator("canvas").bounding_box()
    viewer.locator("canvas").click(position={"x": 0.75 * box["width"] + 1, "y": 0.5 * box["height"] + 1})
    sync_api.expect(page.get_by_text("event click 384 128")).to_be_visible()
    viewer.get_by_role("button", name="Next picture").click()
    sync_api.expect(page.get_by_text("event next None None")).to_be_visible()
    viewer.locator("canvas").press("ArrowLeft")
    sync_api.expect(page.get_by_text("event previous")).to_be_visible()


def test_settings_survive_a_new_image(page: sync_api.Page) -> None:
    viewer = _viewer(page)
    _set_opacity(viewer, 80)
    viewer.get_by_role("button", name="sky", exact=False).first.click()
    viewer.locator("canvas").press("s")
    page.get_by_role("button", name="Next frame").click()
    sync_api.expect(page.get_by_text("turn 1")).to_be_visible()
    viewer = _viewer(page)
    for name, value in {"opacity": "0.80", "hidden-classes": "sky", "split": "50.0"}.items():
        sync_api.expect(viewer).to_have_attribute(f"data-{name}", value)
    sync_api.expect(viewer).to_have_attribute("data-left", "photo")
    assert _near(_pixel(viewer, 0.2, 0.5), [129, 129, 129]), "the new photo is drawn"


def test_alt_text_lists_the_largest_classes(page: sync_api.Page) -> None:
    words = _viewer(page).get_by_role("img").get_attribute("aria-label")
    assert words.startswith("A test street. Largest classes in truth: car 50 %, sky 4")


def test_phone_needs_no_horizontal_scrolling(page: sync_api.Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    viewer = _viewer(page)
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    box = viewer.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    heights = viewer.locator(".bar").evaluate("(bar) => bar.clientHeight")
    assert heights < 40, "the controls fit in one row"
