"""Connecting, checking and preparing data on the dataset page."""

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
from cityseg.data.layouts.detect import default_data
from cityseg.data.synthetic import synthesize
from cityseg.errors import DataError
from cityseg.ui.app import background
from cityseg.ui.dataset import page

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture(autouse=True)
def around(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_data.clear()
    st.cache_resource.clear()
    # A preparation is recorded beside the caches, and belongs to one test.
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))


@pytest.fixture
def damaged(workplace: Path, streets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The drawn set with one label gone and one photo cut short."""
    shutil.copytree(streets, workplace / "damaged")
    labels = sorted((workplace / "damaged").glob("gtFine/train/*/*_labelIds.png"))
    labels[0].unlink()
    photo = sorted((workplace / "damaged").glob("leftImg8bit/train/*/*.png"))[-1]
    photo.write_bytes(photo.read_bytes()[:200])
    monkeypatch.setenv("CITYSEG_DATA", str(workplace / "damaged"))
    return workplace / "damaged"


def opened(*, panel: bool = True, **address: str) -> AppTest:
    """The page with the connect panel open, or as a visitor finds it."""
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


def test_the_places_are_listed_and_the_connected_one_is_marked(streets: Path) -> None:
    places = next(element.value for element in opened().markdown if "synthetic streets" in element.value).splitlines()
    assert places == [
        "1. A path typed here or in the link: none",
        f"2. `$CITYSEG_DATA`: `{streets}` :green-badge[connected]",
        "3. `data/cityscapes`: no such folder",
        "4. The synthetic streets, which need no download",
    ]


def test_a_typed_path_outranks_the_others(workplace: Path, streets: Path) -> None:
    shutil.copytree(streets, workplace / "other")
    app = opened(tab="Classes")
    app.text_input(key="connect_path").set_value(str(workplace / "other")).run()
    assert not app.exception
    assert f"1. A path typed here or in the link: `{workplace / 'other'}` :green-badge[connected]" in text(app)
    assert default_data() == str(streets)


def test_what_the_listing_lacks_is_said_at_once(damaged: Path) -> None:
    warning = next(element.value for element in opened().warning if "The listing shows 1 problem" in element.value)
    assert "expected its label" in warning


def test_every_file_is_checked_on_demand(damaged: Path, wait_until: Callable[..., None]) -> None:
    app = opened()
    app.button(key="check_begin").click().run()
    key = ("verify", str(damaged))
    wait_until(lambda: not background.find(key).thread.is_alive())
    app.run()
    found = next(element.value for element in app.warning if "the check found 2 problems" in element.value)
    assert "expected its label" in found
    assert "leftImg8bit.png" in found


def test_a_sound_set_passes_the_check(streets: Path, wait_until: Callable[..., None]) -> None:
    app = opened()
    app.button(key="check_begin").click().run()
    wait_until(lambda: not background.find(("verify", str(streets))).thread.is_alive())
    app.run()
    assert [element.value for element in app.success] == ["All 10 frames can be used."]


def test_a_check_can_be_stopped(
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
    assert "The check was stopped after" in text(app)
    assert app.button(key="check_begin")


def test_bad_frames_can_be_left_out(damaged: Path, wait_until: Callable[..., None]) -> None:
    app = opened()
    assert "The frames cannot be used as they are." in app.main.error[0].value
    assert "cityseg data verify" in app.main.error[0].value
    app.button(key="data_prepare_skip_128x256").click().run()
    wait_until(lambda: api.find_preparation(str(damaged)).state == "finished")
    app.run()
    assert not app.exception
    assert "2 frames that cannot be used are left out" in app.info[0].value
    assert next(metric.value for metric in app.metric if metric.label == "Classes present") != "…"


@pytest.mark.parametrize(
    ("preparation", "words", "button"),
    [
        (None, "10 frames have to be read once", "data_prepare_start_128x256"),
        (
            JobStatus("stopped", 4, 10, None, None),
            "It was stopped after 4 of 10 frames.",
            "data_prepare_start_128x256",
        ),
        (
            JobStatus("failed", 4, 10, None, "x.png: expected a readable photo, found a damaged file"),
            "x.png: expected a readable photo",
            "data_prepare_skip_128x256",
        ),
        (JobStatus("running", 4, 10, 90.0, None), "It goes on when this page", "data_prepare_stop_128x256"),
    ],
)
def test_a_large_set_waits_for_its_preparation(
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


def test_a_refused_start_is_said_beside_the_button(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> JobStatus:
        raise DataError("/full: expected 2 GB of free disk, found 1 GB; free some")

    monkeypatch.setattr(page, "COUNTED_IN_PLACE", 0)
    monkeypatch.setattr(api, "start_preparation", refuse)
    app = opened()
    app.button(key="data_prepare_start_128x256").click().run()
    assert app.main.error[0].value == "/full: expected 2 GB of free disk, found 1 GB; free some"


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
    app = opened(panel=False)
    assert any("found no leftImg8bit and no gtFine" in error.value for error in app.main.error)
    assert any("csDownload" in code.value for code in app.code)
    assert app.text_input(key="connect_path").value == ""


def test_the_panel_is_closed_and_costs_nothing_until_it_is_asked_for() -> None:
    app = opened(panel=False)
    assert not app.code
    assert [expander.label for expander in app.expander] == ["Connect, check and prepare data"]


def test_the_panel_is_open_where_the_listing_shows_problems(damaged: Path) -> None:
    assert any("The listing shows 1 problem" in element.value for element in opened(panel=False).warning)
