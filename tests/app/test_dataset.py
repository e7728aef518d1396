"""The dataset page, driven as a visitor would."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.data.synthetic import synthesize
from cityseg.figures.dataset import imbalance
from cityseg.labels import CLASS_NAMES

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture(autouse=True)
def around(workplace: Path) -> None:
    st.cache_data.clear()


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=90)
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception[0].message
    return app


def test_the_figures_are_those_of_the_data(streets: Path) -> None:
    statistics = api.statistics(str(streets))
    share = sum(split.pixels.sum(0) for split in statistics.values())
    times, largest, smallest = imbalance(share / share.sum()) or (0.0, 0, 0)
    shown = {metric.label: (metric.value, metric.delta) for metric in opened().metric}
    assert shown["Frames"] == ("10", "train 7 · val 2 · test 1")
    assert shown["Classes present"][0] == f"{int((share > 0).sum())} of 19"
    assert shown["Imbalance"] == (f"{times:,.0f} : 1", f"{CLASS_NAMES[largest]} to {CLASS_NAMES[smallest]}")


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
