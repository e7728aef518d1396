"""The figures at the top of the Dataset page."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.classes import imbalance

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture(autouse=True)
def around(workplace: Path) -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=90)
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception[0].message
    return app


def test_the_figures_match_the_data(streets: Path) -> None:
    statistics = api.statistics(str(streets))
    share = sum(split.pixels.sum(0) for split in statistics.values())
    times, largest, smallest = imbalance(share / share.sum()) or (0.0, 0, 0)
    shown = {metric.label: (metric.value, metric.delta) for metric in opened().metric}
    assert shown["Frames"] == ("10", "train 7 · val 2 · test 1")
    assert shown["Classes present"][0] == f"{int((share > 0).sum())} of 19"
    assert shown["Imbalance"] == (f"{times:,.0f} : 1", f"{CLASS_NAMES[largest]} to {CLASS_NAMES[smallest]}")
