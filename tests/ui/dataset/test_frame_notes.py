"""Tags of frames and saved views on the Browse tab."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from tests.ui.pages import labelled, open_page, url_parameter, url_parameters, words


@pytest.fixture(autouse=True)
def around(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, where the notes lie."""
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))
    st.cache_data.clear()
    st.cache_resource.clear()


def listed(app: AppTest) -> str:
    return next(element.value for element in app.markdown if element.value.endswith(" of 10 frames"))


def test_frames_are_tagged_filtered_and_exported(streets: Path) -> None:
    data = api.connect(str(streets))
    app = open_page("dataset", frame=data.splits["val"][0].name)
    labelled(app.multiselect, "Tags of this frame").set_value(["rain"]).run()
    assert api.read_frame_notes(data).tags == {("val", data.splits["val"][0].name): ("rain",)}
    labelled(app.multiselect, "Tags").set_value(["rain"]).run()
    assert listed(app) == "**1** of 10 frames"
    assert url_parameter(app, "tags") == "rain"
    assert any(each.proto.label == "Tags of 1 frame" for each in app.get("download_button"))
    labelled(app.multiselect, "Tags of this frame").set_value([]).run()
    assert not app.exception
    assert listed(app) == "**10** of 10 frames", "a tag that no frame has is no filter"


def test_all_filtered_frames_are_tagged_together(streets: Path) -> None:
    data = api.connect(str(streets))
    app = open_page("dataset", split="val")
    app.multiselect(key="data_tags_added").set_value(["a,b"])
    labelled(app.button, "Add for 2 frames").click().run()
    assert "expected a tag of 1 to 40 characters without commas and semicolons, found 'a,b'" in words(app)
    app.multiselect(key="data_tags_added").set_value(["night"])
    labelled(app.button, "Add for 2 frames").click().run()
    assert set(api.read_frame_notes(data).tags) == {("val", frame.name) for frame in data.splits["val"]}
    labelled(app.button, "Remove for 2 frames").click().run()
    assert api.read_frame_notes(data).tags == {}
    assert not app.exception


def test_a_view_is_saved_opened_and_deleted(streets: Path) -> None:
    app = open_page("dataset", split="val", sort="darkest first")
    app.text_input(key="data_view_name").set_value("dark <b> val")
    labelled(app.button, "Save").click().run()
    assert api.read_frame_notes(str(streets)).views == {"dark <b> val": {"split": "val", "sort": "darkest first"}}
    app.segmented_control(key="data_split").set_value("all").run()
    assert "split" not in url_parameters(app)
    app.button(key="data_view_0").click().run()
    assert (url_parameter(app, "split"), url_parameter(app, "sort")) == ("val", "darkest first")
    assert listed(app) == "**2** of 10 frames"
    app.button(key="data_view_delete_0").click().run()
    assert api.read_frame_notes(str(streets)).views == {}


def test_damaged_notes_leave_the_page_usable(streets: Path, workplace: Path) -> None:
    api.save_view(str(streets), "one", {})
    [path] = (workplace / "cache").glob("frame-notes-*.json")
    path.write_text("[]")
    app = open_page("dataset")
    assert "expected tags and views, found a damaged file" in words(app)
    assert listed(app) == "**10** of 10 frames"
