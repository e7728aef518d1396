"""The Browse and Augmentation tabs of the Dataset page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.classes import CLASS_NAMES, COLOR_BLIND_PALETTE, PALETTE
from cityseg.data.prepared.statistics import SplitStatistics
from tests.ui.pages import url_parameters, words

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture(autouse=True)
def around(workplace: Path) -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def counted(around: None, streets: Path) -> dict[str, SplitStatistics]:
    return api.statistics(str(streets))


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=90)
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception[0].message
    return app


def gallery(app: AppTest) -> dict[str, Any]:
    """Data of the thumbnail grid."""
    return next(json.loads(p.proto.json) for p in app.get("bidi_component") if "gallery" in p.proto.component_name)


def grid(app: AppTest) -> list[str]:
    return [cell["name"] for cell in gallery(app)["thumbnails"]]


def header(app: AppTest, key: str) -> dict[str, Any]:
    """Header of the data that a viewer received."""
    sent = next(p.proto.bytes for p in app.get("bidi_component") if p.proto.id.endswith(f"-{key}"))
    return json.loads(sent[4 : 4 + int.from_bytes(sent[:4], "little")])


def shares_list(app: AppTest) -> str:
    return next(
        html.proto.body for html in app.get("html") if "share-bars" in html.proto.body and "<ul" in html.proto.body
    )


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def frames(counted: dict[str, SplitStatistics]) -> list[tuple[str, str, str, np.ndarray, float]]:
    """Name, split, city, pixels and brightness of every frame, by name."""
    return sorted(
        (
            (name, split, city, pixels, float(light))
            for split, part in counted.items()
            for name, city, pixels, light in zip(part.frames, part.cities, part.pixels, part.brightness, strict=True)
        ),
        key=lambda frame: frame[0],
    )


def a_class_of_some(counted: dict[str, SplitStatistics]) -> int:
    there = np.sum([part.frequency for part in counted.values()], axis=0)
    return int(next(index for index, count in enumerate(there) if 1 < count < 10))


def test_all_splits_are_listed_on_arrival_and_can_be_selected(counted: dict[str, SplitStatistics]) -> None:
    app = opened()
    assert grid(app) == [name for name, *_ in frames(counted)]
    app.segmented_control(key="data_split").set_value("val").run()
    assert grid(app) == sorted(counted["val"].frames)
    assert url_parameters(app) == {"split": "val"}


def test_filters_narrow_the_grid(counted: dict[str, SplitStatistics]) -> None:
    app = opened()
    everything = frames(counted)
    index = a_class_of_some(counted)
    app.multiselect(key="data_holds").set_value([CLASS_NAMES[index]]).run()
    assert grid(app) == [name for name, _, _, pixels, _ in everything if pixels[index]]
    app.multiselect(key="data_holds").set_value([])
    app.multiselect(key="data_city").set_value([everything[0][2]])
    app.selectbox(key="data_sort").set_value("darkest first").run()
    same = sorted((frame for frame in everything if frame[2] == everything[0][2]), key=lambda frame: frame[4])
    assert grid(app) == [name for name, *_ in same]


def test_a_minimum_area_and_any_of_two_classes(counted: dict[str, SplitStatistics]) -> None:
    app = opened()
    app.multiselect(key="data_holds").set_value(["car", "sky"]).run()
    app.segmented_control(key="data_match").set_value("any")
    app.select_slider(key="data_least").set_value(10.0).run()
    car, sky = CLASS_NAMES.index("car"), CLASS_NAMES.index("sky")
    wanted = [name for name, _, _, pixels, _ in frames(counted) if max(pixels[car], pixels[sky]) >= 0.1 * pixels.sum()]
    assert grid(app) == wanted
    assert 0 < len(wanted) < 10
    assert url_parameters(app) == {"holds": "car,sky", "match": "any", "least": "10"}


def test_a_random_order_follows_its_seed(counted: dict[str, SplitStatistics]) -> None:
    app = opened(sort="random", seed="1")
    first = grid(app)
    assert sorted(first) == [name for name, *_ in frames(counted)] != first
    app.number_input(key="data_seed").set_value(2).run()
    assert grid(app) != first
    assert url_parameters(app)["seed"] == "2"
    assert grid(opened(sort="random", seed="1")) == first


def test_a_filter_without_matches_offers_relaxations(counted: dict[str, SplitStatistics]) -> None:
    app = opened(holds=",".join(CLASS_NAMES), least="50", sort="darkest first")
    assert "No frame matches these filters" in app.warning[0].value
    way = next(button for button in app.button if button.label == "Allow all classes: 10 frames")
    way.click().run()
    assert grid(app) == [name for name, *_ in sorted(frames(counted), key=lambda frame: frame[4])]
    assert url_parameters(app) == {"sort": "darkest first"}


def test_show_all_clears_the_filters(counted: dict[str, SplitStatistics]) -> None:
    app = opened(split="test", sort="most car")
    app.button(key="filters_clear").click().run()
    assert len(grid(app)) == 10
    assert url_parameters(app) == {"sort": "most car"}


def test_a_link_opens_its_filters_and_frame(counted: dict[str, SplitStatistics]) -> None:
    name = sorted(counted["train"].frames)[3]
    app = opened(frame=name, split="train", sort="brightest first")
    assert gallery(app)["chosen"] == name
    assert f"**{name}**" in captions(app)
    assert app.selectbox(key="data_sort").value == "brightest first"
    again = opened(**url_parameters(app))
    assert grid(again) == grid(app)


def test_filters_survive_another_page(counted: dict[str, SplitStatistics]) -> None:
    app = opened(split="val", holds="car")
    before = grid(app)
    app.switch_page("pages/train.py").run()
    app.switch_page("pages/dataset.py").run()
    assert grid(app) == before
    assert url_parameters(app) == {"split": "val", "holds": "car"}


def test_the_frames_class_shares_are_shown(counted: dict[str, SplitStatistics]) -> None:
    name, _, _, pixels, _ = frames(counted)[4]
    app = opened(frame=name)
    rows = re.findall(r'class="name">([^<]+)<', shares_list(app))
    assert rows == [CLASS_NAMES[index] for index in np.argsort(-pixels, kind="stable") if pixels[index]]


def test_safe_colours_reach_viewer_bars_and_thumbnails() -> None:
    official, safe = opened(look="labels"), opened(look="labels", safe_colors="true")
    assert header(official, "browse")["palette"] == "official"
    assert header(safe, "browse")["palette"] == "colour-blind-safe"
    road = [f"rgba({', '.join(map(str, palette[0]))}, 1)" for palette in (PALETTE, COLOR_BLIND_PALETTE)]
    for app, color in zip((official, safe), road, strict=True):
        assert color in shares_list(app)
    first, second = (gallery(app)["thumbnails"][0]["source"] for app in (official, safe))
    assert first != second


def test_augmentation_shows_samples_of_the_open_frame(counted: dict[str, SplitStatistics]) -> None:
    name = counted["train"].frames[2]
    app = opened(tab="Augmentation", frame=name, recipe="experiment-1")
    assert f"**{name}**" in captions(app)
    assert "This config uses no random augmentation" in " ".join(text.value for text in app.markdown)
    cells = gallery(app)["thumbnails"]
    assert [cell["note"] for cell in cells] == ["128 × 64 px"] * 8
    assert len({cell["source"] for cell in cells}) == 1
    app.selectbox(key="data_recipe").set_value("better-1").run()
    assert "Random horizontal flip" in " ".join(text.value for text in app.markdown)
    assert len({cell["source"] for cell in gallery(app)["thumbnails"]}) == 2
    app.number_input(key="data_draws").set_value(4).run()
    assert {name: value for name, value in url_parameters(app).items() if name in ("draws", "recipe")} == {"draws": "4"}


def test_the_config_of_the_train_page_can_be_previewed() -> None:
    app = opened(tab="Augmentation", recipe="the Train page's form")
    assert not app.error
    assert len(gallery(app)["thumbnails"]) == 8


def test_a_reload_of_augmentation_keeps_the_settings_of_the_train_form(counted: dict[str, SplitStatistics]) -> None:
    """A new session has no form; the address holds what differs from the preset."""
    form = "the Train page's form"
    app = opened(tab="Augmentation", recipe=form, preset="better-2", settings='{"image_size":[32,64]}')
    assert "Network input 64 × 32 px" in words(app)
    found = url_parameters(app)
    assert (found["preset"], found["settings"]) == ("better-2", '{"image_size":[32,64]}')
    app.selectbox(key="data_recipe").set_value("better-1").run()
    assert not {"preset", "settings"} & {name for name, value in url_parameters(app).items() if value}
    app.selectbox(key="data_recipe").set_value(form).run()
    assert "Network input 64 × 32 px" in words(app)
