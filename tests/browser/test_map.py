"""The map of the set in a browser: compute it, draw around points, see their frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

# The map is computed by a process of its own.
pytestmark = pytest.mark.slow


def settle(page: Any) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)


def test_the_map_is_computed_and_a_lasso_lists_its_frames(browser: Any, serve_synthetic: Callable[..., Any]) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1400})
    page = context.new_page()
    page.goto(f"{serve_synthetic(frames=30).address}/dataset?tab=Map&model=better-1")
    page.get_by_role("button", name="Compute the map").click(timeout=60_000)
    points = page.locator(".st-key-data_map .scatterlayer .point")
    points.first.wait_for(timeout=120_000)
    settle(page)
    assert points.count() == 30
    selection = page.locator(".st-key-map_selection .gallery button")
    sync_api.expect(selection).to_have_count(18)
    entries = page.evaluate("history.length")

    # Around the left half of the plot.
    box = page.locator(".st-key-data_map .nsewdrag").bounding_box()
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] / 2, box["y"] + box["height"] - 2
    inside = points.evaluate_all(
        "(all, edge) => all.filter((one) => { const box = one.getBoundingClientRect(); "
        "return (box.left + box.right) / 2 < edge; }).length",
        right,
    )
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    page.wait_for_function("new URL(location).searchParams.has('area')")
    sync_api.expect(page.get_by_text(f"{inside} of 30 frames selected")).to_be_visible()
    sync_api.expect(selection).to_have_count(min(18, inside))
    settle(page)
    assert page.evaluate("history.length") == entries + 1

    # A frame of the selection, then one that is similar to it.
    selection.nth(1).click()
    page.wait_for_function("new URL(location).searchParams.has('frame')")
    similar = page.locator(".st-key-similar .gallery button")
    sync_api.expect(similar).to_have_count(12)
    name = similar.first.get_attribute("data-name")
    similar.first.click()
    page.wait_for_function("name => new URL(location).searchParams.get('frame') === name", arg=name)
    sync_api.expect(page.get_by_text(f"{name} ·").first).to_be_visible()

    # With the hand, a click on a point opens its frame.
    page.locator('.st-key-data_map [data-val="pan"]').click()
    centre = points.nth(4).bounding_box()
    page.mouse.click(centre["x"] + centre["width"] / 2, centre["y"] + centre["height"] / 2)
    page.wait_for_function("name => new URL(location).searchParams.get('frame') !== name", arg=name)
    settle(page)

    for _ in range(3):
        page.go_back()
        settle(page)
    page.wait_for_function("!new URL(location).searchParams.has('frame')")
    sync_api.expect(page.get_by_text(f"{inside} of 30 frames selected")).to_be_visible()
    page.go_back()
    sync_api.expect(page.get_by_text("30 of 30 frames match the filters")).to_be_visible()
    context.close()
