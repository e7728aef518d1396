"""Tags, notes, archiving, new names and deletion of results."""

from __future__ import annotations

import json
import shutil

import pytest

from cityseg import api
from cityseg.errors import DataError, UsageError
from cityseg.runs import Run


@pytest.fixture
def own(trained, workplace):
    """A copy of the trained run."""
    return Run(shutil.copytree(trained.folder, workplace / "runs" / "tiny"))


def test_notes_belong_to_runs_and_shipped_models_alike(own, workplace):
    api.annotate(["tiny", "better-1"], add=["  night ", "baseline"], note="first try")
    api.annotate(["tiny"], add=["a"], remove=["baseline"], archived=True)
    assert api.find_result("tiny").notes == api.Notes(("a", "night"), "first try", archived=True)
    assert api.find_result("better-1").notes == api.Notes(("baseline", "night"), "first try")
    assert api.find_result("better-2").notes == api.Notes()
    assert {result.id: result.notes.tags for result in api.list_results() if result.notes.tags} == {
        "tiny": ("a", "night"),
        "better-1": ("baseline", "night"),
    }
    document = api.find_result("tiny").as_dict()
    assert (document["tags"], document["archived"]) == (("a", "night"), True)
    assert api.Result.of_dict(json.loads(json.dumps(document))).notes == api.find_result("tiny").notes


@pytest.mark.parametrize("tag", ["", " ", "a,b", "a;b", "x" * 41, "two\nlines"])
def test_a_tag_is_a_short_text_without_separators(own, tag):
    with pytest.raises(UsageError, match=r"expected a tag of 1 to 40 characters without commas and semicolons, found"):
        api.annotate(["tiny"], add=["fine", tag])
    assert api.find_result("tiny").notes == api.Notes()


def test_bounds_of_notes_are_kept_and_nothing_is_written_in_part(own):
    with pytest.raises(UsageError, match="better-1: expected at most 20 tags, found 21"):
        api.annotate(["better-1"], add=map(str, range(21)))
    with pytest.raises(UsageError, match="expected a note of at most 4,000 characters, found 4,001"):
        api.annotate(["tiny"], note="x" * 4001)
    with pytest.raises(UsageError, match="unknown model 'gone'"):
        api.annotate(["tiny", "gone"], add=["fine"])
    assert api.find_result("tiny").notes == api.Notes()


def test_a_damaged_file_of_notes_hides_no_result_and_is_not_overwritten(own):
    path = own.folder / "notes.json"
    path.write_text('{"tags": "night"}')
    assert api.find_result("tiny").notes == api.Notes()
    with pytest.raises(DataError, match=r"notes.json: expected tags and a note, found a damaged file .*; delete it"):
        api.annotate(["tiny"], add=["a"])
    assert path.read_text() == '{"tags": "night"}'


def test_renaming_moves_the_folder_with_everything_in_it(own):
    api.annotate(["tiny"], add=["night"])
    before = api.find_result("tiny")
    assert api.rename("tiny", "night run 2") == "night-run-2"
    after = api.find_result("night-run-2")
    assert (after.scores, after.notes, after.created) == (before.scores, before.notes, before.created)
    assert after.run.confusions("val").frames == before.run.__class__(after.run.folder).confusions("val").frames
    assert not own.folder.exists()
    assert api.rename("night-run-2", "night-run-2") == "night-run-2"


def test_renaming_refuses_what_would_lose_or_hide_a_result(own, workplace, tiny):
    waiting = Run(shutil.copytree(own.folder, workplace / "runs" / "second"))
    with pytest.raises(UsageError, match="tiny: expected a free name, found 'second' taken; choose another"):
        api.rename("tiny", "second")
    with pytest.raises(UsageError, match="tiny: expected a free name, found 'better-1' taken"):
        api.rename("tiny", "better-1")
    with pytest.raises(UsageError, match=r"expected a name with letters or digits, found '\.\./\.\.'"):
        api.rename("tiny", "../..")
    with pytest.raises(UsageError, match="better-1: expected a run, found a shipped model; archive it to hide it"):
        api.rename("better-1", "mine")
    waiting.write_status(state="queued", enqueued=1.0, created=1.0)
    with pytest.raises(UsageError, match="second: expected a run that has ended, found it queued"):
        api.rename("second", "third")
    assert {result.id for result in api.list_results(shipped=False)} == {"tiny", "second"}


def test_deleting_scores_on_other_data_leaves_the_model(own, streets, workplace):
    shutil.copytree(streets, workplace / "town")
    (workplace / "town" / "gtFine" / "val").rename(workplace / "town" / "gtFine" / "was-val")
    (workplace / "town" / "gtFine" / "train").rename(workplace / "town" / "gtFine" / "val")
    (workplace / "town" / "leftImg8bit" / "val").rename(workplace / "town" / "leftImg8bit" / "was-val")
    (workplace / "town" / "leftImg8bit" / "train").rename(workplace / "town" / "leftImg8bit" / "val")
    assert api.measure("better-1", "town", "val") == "better-1@town"
    api.annotate(["better-1@town"], add=["elsewhere"])
    assert api.find_result("better-1@town").notes.tags == ("elsewhere",)
    assert api.find_result("better-1").notes.tags == ()
    api.delete("better-1@town")
    assert not api.list_all().elsewhere
    with pytest.raises(UsageError, match="expected a measurement of 'better-1', found none"):
        api.delete("better-1@town")
    with pytest.raises(UsageError, match="better-1: expected a run, found a shipped model; archive it to hide it"):
        api.delete("better-1")


def test_the_command_line_lists_by_tag_and_hides_what_is_archived(own, cityseg):
    assert cityseg("runs", "annotate", "tiny", "--tag", "night", "--note", "x").out == "tiny: night\n"
    assert "night" in cityseg("runs", "list", "--tag", "night").out
    assert "tiny" not in cityseg("runs", "list", "--tag", "day").out
    cityseg("runs", "annotate", "tiny", "--archive")
    assert "tiny" not in cityseg("runs", "list").out
    assert "night, archived" in cityseg("runs", "list", "--archived").out
    assert cityseg("runs", "rename", "tiny", "small").out == "tiny is now small\n"
    assert json.loads(cityseg("runs", "delete", "small", "--json").out) == {"deleted": ["small"]}
    refused = cityseg("runs", "annotate", "better-1", "--tag", "a,b")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
