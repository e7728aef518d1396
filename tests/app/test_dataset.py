"""The dataset page, driven as a visitor would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.data.statistics import SplitStatistics
from cityseg.data.synthetic import synthesize
from cityseg.figures.dataset import class_frequencies, class_shares, imbalance, percent, rarest_first
from cityseg.labels import CLASS_NAMES

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture(autouse=True)
def around(workplace: Path) -> None:
    st.cache_data.clear()


@pytest.fixture
def train(around: None, streets: Path) -> SplitStatistics:
    return api.statistics(str(streets))["train"]


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=90)
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception[0].message
    return app


def gallery(app: AppTest) -> dict[str, Any]:
    """What the grid of thumbnails was given."""
    return next(json.loads(p.proto.json) for p in app.get("bidi_component") if "gallery" in p.proto.component_name)


def grid(app: AppTest) -> list[str]:
    return [cell["name"] for cell in gallery(app)["thumbnails"]]


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def a_class_of_some(train: SplitStatistics) -> int:
    return int(next(index for index, count in enumerate(train.frequency) if 0 < count < len(train.frames)))


def test_the_figures_are_those_of_the_data(streets: Path) -> None:
    statistics = api.statistics(str(streets))
    share = sum(split.pixels.sum(0) for split in statistics.values())
    times, largest, smallest = imbalance(share / share.sum()) or (0.0, 0, 0)
    shown = {metric.label: (metric.value, metric.delta) for metric in opened().metric}
    assert shown["Frames"] == ("10", "train 7 · val 2 · test 1")
    assert shown["Classes present"][0] == f"{int((share > 0).sum())} of 19"
    assert shown["Imbalance"] == (f"{times:,.0f} : 1", f"{CLASS_NAMES[largest]} to {CLASS_NAMES[smallest]}")


def test_filters_change_the_grid(train: SplitStatistics) -> None:
    app = opened()
    assert grid(app) == list(train.frames)
    index = a_class_of_some(train)
    app.multiselect(key="data_holds").set_value([CLASS_NAMES[index]]).run()
    assert grid(app) == [name for name, count in zip(train.frames, train.pixels[:, index], strict=True) if count]
    app.multiselect(key="data_holds").set_value([])
    app.selectbox(key="data_sort").set_value("darkest first").run()
    assert grid(app) == [train.frames[index] for index in np.argsort(train.brightness, kind="stable")]
    city = train.cities[-1]
    app.selectbox(key="data_city").set_value(city).run()
    assert set(grid(app)) == {name for name, at in zip(train.frames, train.cities, strict=True) if at == city}


def test_filters_that_nothing_fits_say_so(train: SplitStatistics) -> None:
    app = opened()
    app.multiselect(key="data_holds").set_value(list(CLASS_NAMES)).run()
    assert "No frame fits these filters" in app.warning[0].value


def test_a_link_opens_its_frame_and_order(train: SplitStatistics) -> None:
    name = train.frames[3]
    app = opened(frame=name, sort="brightest first")
    assert gallery(app)["chosen"] == name
    assert f"**{name}**" in captions(app)
    assert app.selectbox(key="data_sort").value == "brightest first"


def test_what_is_chosen_stands_in_the_address_and_a_link_brings_it_back(train: SplitStatistics) -> None:
    app = opened()
    app.multiselect(key="data_holds").set_value(["car", "road"])
    app.selectbox(key="data_sort").set_value("most car").run()
    assert dict(app.query_params) == {"holds": "car,road", "sort": "most car"}
    again = opened(**{name: str(value) for name, value in app.query_params.items()})
    assert grid(again) == grid(app)


def test_a_link_to_a_class_shows_its_frames_fullest_first(train: SplitStatistics) -> None:
    index = a_class_of_some(train)
    app = opened(holds=CLASS_NAMES[index], sort=f"most {CLASS_NAMES[index]}")
    share = train.pixels[:, index] / train.pixels.sum(1)
    assert grid(app) == [train.frames[i] for i in np.argsort(-share, kind="stable") if train.pixels[i, index]]


def test_classes_are_listed_rarest_first(streets: Path) -> None:
    shares = {split: counted.share for split, counted in api.statistics(str(streets)).items()}
    app = opened(tab="Classes")
    table = app.dataframe[0].value
    assert table["Class"].tolist() == [CLASS_NAMES[index] for index in rarest_first(shares)]
    road = table[table["Class"] == "road"].iloc[0]
    assert road["train: share"] == percent(float(shares["train"][0]))
    assert road["train: frames"] == 7
    assert len(app.get("plotly_chart")) == 2


def test_a_wrong_path_is_explained_and_loses_nothing(workplace: Path) -> None:
    app = opened()
    app.text_input(key="connect_path").set_value(str(workplace / "nowhere")).run()
    assert "expected a folder with leftImg8bit/ and gtFine/, found no such folder" in app.error[0].value
    assert app.text_input(key="connect_path").value == str(workplace / "nowhere")
    assert next(metric for metric in app.metric if metric.label == "Frames").value == "10"


def test_a_right_path_is_connected(workplace: Path) -> None:
    synthesize(workplace / "other", frames=5, size=(64, 128))
    app = opened()
    app.text_input(key="connect_path").set_value(str(workplace / "other")).run()
    assert not app.error
    assert next(metric for metric in app.metric if metric.label == "Frames").value == "5"
    assert app.query_params["data"] == str(workplace / "other"), "the address names the data, so that a link opens it"


def test_unusable_data_leads_to_the_connect_panel(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workplace / "empty").mkdir()
    monkeypatch.setenv("CITYSEG_DATA", str(workplace / "empty"))
    app = opened()
    assert any("found no leftImg8bit and no gtFine" in error.value for error in app.main.error)
    assert any("csDownload" in code.value for code in app.code)
    assert app.text_input(key="connect_path").value == ""


@pytest.mark.parametrize(
    ("share", "text"), [(0.3294, "32.9"), (0.0123, "1.2"), (0.000034, "0.0034"), (0.0, None), (float("nan"), None)]
)
def test_shares_keep_two_digits(share: float, text: str | None) -> None:
    assert percent(share) == (f"{text}\u00a0%" if text else "–")


def test_an_absent_class_is_no_mark_and_no_imbalance() -> None:
    share = np.zeros(19)
    share[[0, 5]] = 0.9, 0.1
    assert imbalance(share) == (pytest.approx(9.0), 0, 5)
    assert imbalance(np.zeros(19)) is None
    figure = class_shares({"train": share}, rarest_first({"train": share}))
    drawn = [value for trace in figure.data if trace.mode == "markers" for value in trace.x if value is not None]
    assert sorted(drawn) == [0.1, 0.9]
    bars = class_frequencies({"train": (share > 0) * 4}, {"train": 8}, [0, 5, 1]).data[0]
    assert list(bars.x) == [4, 4, 0]
