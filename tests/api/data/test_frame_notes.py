"""Tags of frames and saved views."""

from __future__ import annotations

import csv
import io
import json

import pytest

from cityseg import api
from cityseg.api.data import frame_notes
from cityseg.errors import DataError, UsageError


@pytest.fixture
def data(workplace, streets, monkeypatch):
    """The synthetic dataset, with a cache of its own for the notes."""
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))
    return api.connect(str(streets))


def test_tags_are_stored_beside_the_cache_by_frame(data, workplace, streets):
    first, second = (("train", frame.name) for frame in data.splits["train"][:2])
    api.tag_frames(data, [first, second], add=["rain", " fog "])
    notes = api.tag_frames(data, [second], add=["night"], remove=["rain"])
    assert notes.tags == {first: ("fog", "rain"), second: ("fog", "night")}
    assert notes.known_tags == ["fog", "night", "rain"]
    assert api.read_frame_notes(str(streets)) == notes
    assert not list(streets.rglob("*notes*")), "the dataset stays as it is"
    assert api.tag_frames(data, [first], remove=["fog", "rain"]).tags == {second: ("fog", "night")}


def test_unknown_frames_and_odd_tags_change_nothing(data):
    name = data.splits["val"][0].name
    with pytest.raises(UsageError, match=f"unknown frame '{name}': the train split of .* holds no such frame"):
        api.tag_frames(data, [("val", name), ("train", name)], add=["a"])
    with pytest.raises(UsageError, match=r"expected a tag of 1 to 40 characters without commas and semicolons, found"):
        api.tag_frames(data, [("val", name)], add=["a", "b;c"])
    assert api.read_frame_notes(data) == api.FrameNotes()


def test_views_are_named_filters(data):
    api.save_view(data, " dark val ", {"split": "val", "bright": "0-40"})
    notes = api.save_view(data, "all", {})
    assert notes.views == {"dark val": {"split": "val", "bright": "0-40"}, "all": {}}
    assert api.save_view(data, "all", {"split": "test"}).views["all"] == {"split": "test"}
    assert api.delete_view(data, "all").views == {"dark val": {"split": "val", "bright": "0-40"}}
    with pytest.raises(UsageError, match="unknown view 'all': expected one of dark val"):
        api.delete_view(data, "all")
    with pytest.raises(UsageError, match="expected a name of 1 to 60 characters, found ' '"):
        api.save_view(data, " ", {})


def test_a_damaged_file_is_named_and_kept(data, workplace):
    api.save_view(data, "one", {})
    [path] = (workplace / "cache").glob("frame-notes-*.json")
    path.write_text('{"tags": []}')
    with pytest.raises(DataError, match=r"expected tags and views, found a damaged file .*; delete it"):
        api.save_view(data, "two", {})
    assert path.read_text() == '{"tags": []}'


def test_the_table_of_tags_names_the_files(data, streets):
    frame = data.splits["val"][0]
    api.tag_frames(data, [("val", frame.name)], add=["=SUM(1)", "b"])
    [row] = csv.DictReader(io.StringIO(api.frame_tags_csv(data)))
    assert (row["split"], row["frame"], row["city"]) == ("val", frame.name, frame.city)
    assert row["tags"] == "'=SUM(1);b", "no formula for a spreadsheet"
    assert (streets / row["photo"]).is_file()
    assert (streets / row["label"]).is_file()


def test_the_command_line_tags_and_lists(data, streets, cityseg, workplace):
    name = data.splits["val"][0].name
    answer = cityseg("data", "tags", "--data", streets, "--frame", f"val/{name}", "--add", "rain", "--json")
    assert json.loads(answer.out) == [{"split": "val", "frame": name, "tags": ["rain"]}]
    assert cityseg("data", "tags", "--data", streets, "--out", workplace / "tags.csv").out.splitlines()[1].split() == [
        "val",
        name,
        "rain",
    ]
    assert (workplace / "tags.csv").read_text() == api.frame_tags_csv(data)
    for words in (("--frame", "val/x"), ("--add", "x"), ("--frame", "x", "--add", "y")):
        refused = cityseg("data", "tags", "--data", streets, *words)
        assert (refused.code, refused.err.count("\n")) == (2, 1)


def test_too_many_views_are_refused(data, monkeypatch):
    monkeypatch.setattr(frame_notes, "MOST_VIEWS", 2)
    api.save_view(data, "one", {})
    api.save_view(data, "two", {})
    with pytest.raises(UsageError, match="expected at most 2 views, found 3; delete some"):
        api.save_view(data, "three", {})
