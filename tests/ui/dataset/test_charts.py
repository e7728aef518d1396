"""The chart tabs of the Dataset page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.classes import CLASS_NAMES
from cityseg.data.dataset import Split
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.figures.dataset.classes import percent, rarest_first
from tests.ui.pages import url_parameter

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture(autouse=True)
def around(workplace: Path) -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def counted(around: None, streets: Path) -> dict[Split, SplitStatistics]:
    return api.statistics(str(streets))


def opened(tab: str, **address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=90)
    for name, value in {"tab": tab, **address}.items():
        app.query_params[name] = value
    app.switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception[0].message
    return app


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def words(app: AppTest) -> str:
    return " ".join(element.value for kind in (app.markdown, app.caption, app.header) for element in kind)


def test_classes_are_listed_rarest_first(counted: dict[Split, SplitStatistics]) -> None:
    shares = {split: part.share for split, part in counted.items()}
    app = opened("Classes")
    table = app.dataframe[0].value
    assert table["Class"].tolist() == [CLASS_NAMES[index] for index in rarest_first(shares)]
    road = table[table["Class"] == "road"].iloc[0]
    assert road["train: share"] == percent(float(shares["train"][0]))
    assert road["train: frames"] == 7
    assert len(charts(app)) == 2


def test_splits_are_compared(counted: dict[Split, SplitStatistics]) -> None:
    app = opened("Splits")
    table = app.dataframe[0].value.set_index("")
    assert table.loc["Frames"].tolist() == ["7", "2", "1"]
    assert table.loc["Frame size on disk", "val"] == "128 × 64 px"
    distance = np.abs(counted["val"].share - counted["train"].share).sum() / 2
    assert table.loc["Differs from train in", "val"] == f"{percent(distance)} of pixels"
    assert f"**val**: {percent(distance)} of its labelled pixels would have to change class" in words(app)
    missing = [name for name, frames in zip(CLASS_NAMES, counted["test"].frequency, strict=True) if not frames]
    assert any(f"**test** has no {', '.join(missing)}:" in warning.value for warning in app.warning)


def test_cooccurrence_of_one_split_or_all_frames(counted: dict[Split, SplitStatistics]) -> None:
    def count(app: AppTest) -> int:
        return next(data[3] for data in charts(app)[0]["data"][1]["customdata"] if data[:2] == ["road", "road"])

    app = opened("Co-occurrence")
    assert count(app) == 10
    app.button_group(key="data_of").set_value("val").run()
    assert count(app) == 2
    assert url_parameter(app, "of") == "val"
    assert count(opened("Together", of="test")) == 1


def test_a_link_selects_the_class_and_a_button_opens_its_frames(counted: dict[Split, SplitStatistics]) -> None:
    app = opened("Spatial heatmaps", **{"class": "sky", "of": "train"})
    assert "Spatial heatmap of sky" in words(app)
    np.testing.assert_allclose(_values(charts(app)[0]).max(), 100 * counted["train"].prior[10].max())
    app.button(key="where_frames").click().run()
    assert not app.exception
    assert {name: url_parameter(app, name) for name in ("split", "holds", "sort")} == {
        "split": "train",
        "holds": "sky",
        "sort": "most sky",
    }
    shown = next(json.loads(p.proto.json) for p in app.get("bidi_component") if "gallery" in p.proto.component_name)
    share = counted["train"].pixels[:, 10] / counted["train"].pixels.sum(1)
    assert shown["thumbnails"][0]["name"] == counted["train"].frames[int(share.argmax())]


def test_sizes_show_the_selected_class(counted: dict[Split, SplitStatistics]) -> None:
    app = opened("Sizes", of="train")
    app.selectbox(key="data_class").set_value("building").run()
    area = counted["train"].objects.areas(2)
    assert f"**{len(area):,}** objects in {counted['train'].frequency[2]} frames" in words(app)
    assert url_parameter(app, "class") == "building"
    assert len(charts(app)) == 3


def test_brightness_shows_every_split_and_city(counted: dict[Split, SplitStatistics]) -> None:
    brightness, contrast, cities = charts(opened("Brightness and contrast"))
    for chart in (brightness, contrast):
        assert [trace["name"] for trace in chart["data"]] == ["train", "val", "test"]
    assert len(cities["data"][0]["y"]) == sum(len(set(part.cities)) for part in counted.values())


@pytest.mark.parametrize(
    ("former", "tab"),
    [("Where", "Spatial heatmaps"), ("Together", "Co-occurrence"), ("Light", "Brightness and contrast")],
)
def test_former_tab_names_in_links_still_work(former: str, tab: str) -> None:
    assert charts(opened(former)) == charts(opened(tab)) != []


def _values(chart: dict[str, Any]) -> np.ndarray:
    """Decode a plotly array, which is stored as base64."""
    import base64

    z = chart["data"][0]["z"]
    return np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"])
