"""The Map tab of the Dataset page, and similar frames on Browse."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from sklearn.metrics.pairwise import cosine_similarity
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.api.types import FeatureMap
from cityseg.jobs import launcher
from cityseg.runs import Run
from tests.ui.pages import open_page, url_parameter, url_parameters, words


@pytest.fixture(autouse=True)
def around(workplace: Path, monkeypatch: pytest.MonkeyPatch, trained: Run) -> None:
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))
    monkeypatch.setenv("CITYSEG_RUNS", str(trained.folder.parent))
    st.cache_data.clear()
    st.cache_resource.clear()
    api.statistics()


@pytest.fixture
def found(around: None) -> FeatureMap:
    """The map of the synthetic set as the small run sees it."""
    return api.feature_map("tiny")


@pytest.fixture
def launches_job(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Start no process; return the command lines of those that would start. This very process counts as theirs."""
    commands: list[list[str]] = []

    def start(arguments: list[str], log: Path, **_: object) -> int:
        commands.append(arguments)
        return os.getpid()

    monkeypatch.setattr(launcher, "start_detached", start)
    return commands


def opened(**address: str) -> AppTest:
    return open_page("dataset", tab="Map", model="tiny", **address)


def gallery(app: AppTest, key: str) -> list[dict[str, Any]]:
    """The cells of a grid of thumbnails, none if it is not on the page."""
    sent = [json.loads(p.proto.json) for p in app.get("bidi_component") if p.proto.id.endswith(f"-{key}")]
    return sent[0]["thumbnails"] if sent else []


def chart(app: AppTest) -> dict[str, Any]:
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def points(app: AppTest) -> set[int]:
    """Positions of the frames that match the filters."""
    return {data[0] for trace in chart(app)["data"] for data in trace.get("customdata", ())}


def around_point(found: FeatureMap, index: int) -> str:
    """A small square around a frame, as a link gives it."""
    x, y = (1000 * found.positions[index]).round().astype(int).tolist()
    return f"{x - 5},{y - 5},{x + 5},{y - 5},{x + 5},{y + 5},{x - 5},{y + 5}"


def test_without_a_map_it_can_be_computed(launches_job: list[list[str]]) -> None:
    app = opened()
    assert not app.get("plotly_chart")
    assert "The encoder of **tiny** has to see all 10 frames once" in words(app)
    app.button(key="data_map_start").click().run()
    assert not app.exception
    (command,) = launches_job
    assert command[:2] == ["data", "map"]
    assert command[command.index("--model") + 1] == "tiny"
    assert app.button(key="data_map_stop").label == "Stop"


def test_filters_apply_to_the_map(found: FeatureMap) -> None:
    app = opened()
    assert points(app) == set(range(10))
    app.segmented_control(key="data_split").set_value("val").run()
    assert points(app) == {7, 8}
    assert [cell["name"] for cell in gallery(app, "map_selection")] == sorted(found.names[7:9])


def test_a_selected_area_lists_its_frames_and_survives_a_link(found: FeatureMap) -> None:
    app = opened(area=around_point(found, 3))
    assert [cell["name"] for cell in gallery(app, "map_selection")] == [found.names[3]]
    assert "**1** of 10 frames selected" in words(app)
    assert url_parameter(app, "area") == around_point(found, 3)
    app.multiselect(key="data_tags_added").set_value(["odd"]).run()
    app.button(key="data_tag_add").click().run()
    assert api.read_frame_notes(api.connect(None)).tags == {("train", found.names[3]): ("odd",)}
    app.button(key="data_map_clear").click().run()
    assert len(gallery(app, "map_selection")) == 10
    assert "area" not in url_parameters(app)


@pytest.mark.parametrize("area", ["nonsense", "1,2,3", ""])
def test_a_wrong_area_selects_nothing(found: FeatureMap, area: str) -> None:
    assert len(gallery(opened(area=area), "map_selection")) == 10


def test_odd_links_open_the_map(found: FeatureMap) -> None:
    app = opened(color="x", list="x", similarity="9", pair="x", twin=found.names[0], frame="x", scored="x", metric="²")
    assert points(app) == set(range(10))
    assert any("The link names frame `x`" in toast.value for toast in app.toast)


def test_points_are_coloured_by_what_is_chosen(found: FeatureMap) -> None:
    counted = api.statistics()
    app = opened(color="brightness")
    values = {data[0]: text for trace in chart(app)["data"] for data in trace["customdata"] for text in data[3:]}
    assert values[0] == f"<br>brightness {counted['train'].brightness[0] / 2.55:.0f} %"
    app.selectbox(key="data_map_color").set_value("share of a class").run()
    app.selectbox(key="data_class").set_value("road").run()
    values = {data[0]: text for trace in chart(app)["data"] for data in trace["customdata"] for text in data[3:]}
    share = counted["test"].pixels[0, 0] / counted["test"].pixels[0].sum()
    assert values[9] == f"<br>road {100 * share:.1f} %"
    app.selectbox(key="data_map_color").set_value("score").run()
    assert app.selectbox(key="data_map_result").value == "tiny"
    values = {data[0]: text for trace in chart(app)["data"] for data in trace["customdata"] for text in data[3:]}
    assert [bool(values[index]) for index in range(10)] == [False] * 7 + [True] * 3


def test_the_open_frame_has_the_most_similar_frames_beside_it(found: FeatureMap) -> None:
    similarity = cosine_similarity(found.features)[2]
    similarity[2] = -1
    expected = [found.names[index] for index in np.argsort(-similarity, kind="stable")[:9]]  # all others
    for app in (opened(frame=found.names[2]), open_page("dataset", model="tiny", frame=found.names[2])):
        cells = gallery(app, "similar")
        assert [cell["name"] for cell in cells] == expected
        assert cells[0]["title"].startswith(f"{similarity.max():.3f} · ")


def test_browse_leads_to_the_map_while_there_is_none() -> None:
    app = open_page("dataset", model="tiny")
    assert not gallery(app, "similar")
    app.button(key="similar_map").click().run()
    assert url_parameter(app, "tab") == "Map"


def test_near_duplicates_are_listed_and_opened(found: FeatureMap) -> None:
    similarity = np.triu(cosine_similarity(found.features), 1)
    app = opened(similarity="0.8")
    expected = int((similarity >= 0.8).sum())
    assert f"**{expected:,}** pair" in words(app)
    assert len(gallery(app, "map_pairs")) == min(12, expected)
    best = np.unravel_index(similarity.argmax(), similarity.shape)
    names = [found.names[index] for index in best]
    first = gallery(app, "map_pairs")[0]
    assert first["name"] == " and ".join(names)
    assert first["title"].startswith(f"{similarity.max():.3f} · ")
    app.toggle(key="data_map_leaks").set_value(True).run()
    across = (similarity >= 0.8) & (found.splits[:, None] != found.splits)
    assert f"**{across.sum():,}** pair" in words(app)
    linked = opened(pair=names[0], twin=names[1])
    assert all(f"**{name}** ·" in words(linked) for name in names)
    linked.button(key="map_open_twin").click().run()
    assert url_parameter(linked, "frame") == names[1]
    assert "tab" not in url_parameters(linked)  # Browse is the default


def test_outliers_are_listed_farthest_first(found: FeatureMap) -> None:
    distance = 1 - np.sort(cosine_similarity(found.features), axis=1)[:, 0]
    cells = gallery(opened(list="outliers"), "map_outliers")
    assert [cell["name"] for cell in cells] == [found.names[index] for index in np.argsort(-distance, kind="stable")]
