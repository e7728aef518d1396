"""Connecting, verifying and preparing data on the Dataset page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.api import JobStatus
from cityseg.data.dataset import default_data
from cityseg.data.synthetic import synthesize
from cityseg.errors import DataError
from cityseg.ui.app import background
from cityseg.ui.dataset import page
from tests.ui.pages import url_parameter

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture(autouse=True)
def around(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_data.clear()
    st.cache_resource.clear()
    # The record of a preparation is beside the caches, and each test needs its own.
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))


@pytest.fixture
def damaged(workplace: Path, streets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The synthetic dataset with one label missing and one photo truncated."""
    shutil.copytree(streets, workplace / "damaged")
    labels = sorted((workplace / "damaged").glob("gtFine/train/*/*_labelIds.png"))
    labels[0].unlink()
    photo = sorted((workplace / "damaged").glob("leftImg8bit/train/*/*.png"))[-1]
    photo.write_bytes(photo.read_bytes()[:200])
    monkeypatch.setenv("CITYSEG_DATA", str(workplace / "damaged"))
    return workplace / "damaged"


def opened(*, panel: bool = True, **address: str) -> AppTest:
    """Open the page, with the connect panel expanded or as it is on arrival."""
    app = AppTest.from_file(str(APP), default_timeout=90)
    if panel:
        app.session_state["connect_open"] = True
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception[0].message
    return app


def text(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info, *app.success]
    return "\n".join(element.value for element in shown)


def test_data_sources_are_listed_with_the_connected_one_marked(streets: Path) -> None:
    places = next(element.value for element in opened().markdown if "Synthetic dataset" in element.value).splitlines()
    assert places == [
        "1. Path entered below or in the link: none",
        f"2. `$CITYSEG_DATA`: `{streets}` :green-badge[connected]",
        "3. `data/cityscapes`: does not exist",
        "4. Synthetic dataset, no download needed",
    ]


def test_an_entered_path_takes_precedence(workplace: Path, streets: Path) -> None:
    shutil.copytree(streets, workplace / "other")
    app = opened(tab="Classes")
    app.text_input(key="connect_path").set_value(str(workplace / "other")).run()
    assert not app.exception
    assert f"1. Path entered below or in the link: `{workplace / 'other'}` :green-badge[connected]" in text(app)
    assert default_data() == str(streets)


def test_problems_of_the_file_listing_are_shown_at_once(damaged: Path) -> None:
    warning = next(element.value for element in opened().warning if "The file listing has 1 problem" in element.value)
    assert "expected its label" in warning


def test_every_file_is_verified_on_demand(damaged: Path, wait_until: Callable[..., None]) -> None:
    app = opened()
    app.button(key="check_begin").click().run()
    key = ("verify", str(damaged))
    wait_until(lambda: not background.find(key).thread.is_alive())
    app.run()
    found = next(
        element.value for element in app.warning if "Verification of 9 frames found 2 problems" in element.value
    )
    assert "expected its label" in found
    assert "leftImg8bit.png" in found


def test_a_valid_dataset_passes_the_verification(streets: Path, wait_until: Callable[..., None]) -> None:
    app = opened()
    app.button(key="check_begin").click().run()
    wait_until(lambda: not background.find(("verify", str(streets))).thread.is_alive())
    app.run()
    assert [element.value for element in app.success] == ["All 10 frames are valid."]


def test_a_verification_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch, streets: Path, wait_until: Callable[..., None]
) -> None:
    def slowly(spec: str, note: Callable[[int, int], None]) -> None:
        for done in range(1000):
            note(done, 1000)
            time.sleep(0.02)

    monkeypatch.setattr(api, "verify", slowly)
    app = opened()
    app.button(key="check_begin").click().run()
    app.button(key="check_stop").click().run()
    wait_until(lambda: not background.find(("verify", str(streets))).thread.is_alive())
    app.run()
    assert "Verification stopped after" in text(app)
    assert app.button(key="check_begin")


def test_unusable_frames_can_be_left_out(damaged: Path, wait_until: Callable[..., None]) -> None:
    app = opened()
    assert "Some frames are unusable." in app.main.error[0].value
    assert "cityseg data verify" in app.main.error[0].value
    app.button(key="data_prepare_skip_128x256").click().run()
    wait_until(lambda: api.find_preparation(str(damaged)).state == "finished")
    app.run()
    assert not app.exception
    assert "2 unusable frames are left out" in app.info[0].value
    assert next(metric.value for metric in app.metric if metric.label == "Classes present") != "…"


@pytest.mark.parametrize(
    ("preparation", "words", "button"),
    [
        (None, "10 frames must be read once", "data_prepare_start_128x256"),
        (
            JobStatus("stopped", 4, 10, None, None),
            "Stopped after 4 of 10 frames.",
            "data_prepare_start_128x256",
        ),
        (
            JobStatus("failed", 4, 10, None, "x.png: expected a whole photo, found a damaged one"),
            "x.png: expected a whole photo",
            "data_prepare_skip_128x256",
        ),
        (JobStatus("running", 4, 10, 90.0, None), "Continues when this page", "data_prepare_stop_128x256"),
    ],
)
def test_a_large_dataset_waits_for_its_preparation(
    monkeypatch: pytest.MonkeyPatch, preparation: JobStatus | None, words: str, button: str
) -> None:
    monkeypatch.setattr(page, "COUNTED_IN_PLACE", 0)
    monkeypatch.setattr(api, "find_preparation", lambda spec, size: preparation)
    app = opened()
    assert words in text(app)
    assert app.button(key=button)
    assert next(metric.value for metric in app.metric if metric.label == "Frames") == "10"
    assert "Browse" not in [tab.label for tab in app.tabs]
    if preparation is not None and preparation.state == "running":
        bar = app.get("progress")[0].proto
        assert (bar.value, bar.text) == (
            40,
            "Reading every frame once, at 256 × 128 px · 4 of 10 frames · about 2 min left",
        )


def test_an_error_at_the_start_is_shown_next_to_the_button(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> JobStatus:
        raise DataError("/full: expected 2 GB of free disk, found 1 GB; free some")

    monkeypatch.setattr(page, "COUNTED_IN_PLACE", 0)
    monkeypatch.setattr(api, "start_preparation", refuse)
    app = opened()
    app.button(key="data_prepare_start_128x256").click().run()
    assert app.main.error[0].value == "/full: expected 2 GB of free disk, found 1 GB; free some"


def test_a_wrong_path_is_reported_and_keeps_the_connected_data(workplace: Path) -> None:
    app = opened()
    app.text_input(key="connect_path").set_value(str(workplace / "nowhere")).run()
    assert app.error[0].value == f"Folder does not exist: {workplace / 'nowhere'}"
    assert app.text_input(key="connect_path").value == str(workplace / "nowhere")
    assert next(metric for metric in app.metric if metric.label == "Frames").value == "10"


def test_a_valid_path_is_connected(workplace: Path) -> None:
    synthesize(workplace / "other", frames=5, size=(64, 128))
    app = opened()
    app.text_input(key="connect_path").set_value(str(workplace / "other")).run()
    assert not app.error
    assert next(metric for metric in app.metric if metric.label == "Frames").value == "5"
    assert url_parameter(app, "data") == str(workplace / "other"), "the URL contains the data, so that a link opens it"


def test_invalid_data_opens_the_connect_panel(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workplace / "empty").mkdir()
    monkeypatch.setenv("CITYSEG_DATA", str(workplace / "empty"))
    app = opened(panel=False)
    assert any("found no leftImg8bit and no gtFine" in error.value for error in app.main.error)
    assert any("csDownload" in code.value for code in app.code)
    assert app.text_input(key="connect_path").value == ""


def test_the_panel_is_collapsed_and_empty_on_arrival() -> None:
    app = opened(panel=False)
    assert len(app.code) == 1, "the link to the view of Browse, nothing of the panel"
    assert [one.label for one in app.expander] == ["**streets** is connected. Connect other data, verify, prepare"]
    order = [element for element in app.main if element.type in ("expander", "metric", "tab")]
    assert order[0].type == "expander", "at the top of the page"


def test_the_panel_is_expanded_if_the_file_listing_has_problems(damaged: Path) -> None:
    assert any("The file listing has 1 problem" in element.value for element in opened(panel=False).warning)
