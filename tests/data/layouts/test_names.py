"""Names of files: compared regardless of case and Unicode form, in folders and archives alike."""

from __future__ import annotations

import shutil
import unicodedata

import pytest

from cityseg import api
from cityseg.data.dataset import SPLITS
from cityseg.data.layouts import detect
from cityseg.data.layouts.names import fold, join, spelled
from cityseg.data.prepared import cache
from cityseg.errors import DataError

from .layout_files import label, names, pack, photo, tree, without_utf8_flag

ALL = {
    "train": ["aachen_000000_000019", "aachen_000001_000019", "aachen_000002_000019"],
    "val": ["frankfurt_000000_000019", "frankfurt_000001_000019"],
    "test": ["frankfurt_000002_000019"],
}


def fingerprints(dataset, root):
    return {split: cache.prepare(dataset, split, (4, 6), root=root).meta.fingerprint for split in SPLITS}


def capital_suffix(path):
    path.rename(path.with_suffix(".PNG"))


def capital_ending(path):
    stem, _, ending = path.name.rpartition("_")
    path.rename(path.with_name(f"{stem}_{ending.upper()}"))


def capital_name(path):
    path.rename(path.with_name(path.name.upper()))


@pytest.mark.parametrize("change", [capital_suffix, capital_ending, capital_name])
@pytest.mark.parametrize("kind", ["leftImg8bit", "gtFine"])
@pytest.mark.parametrize("packed", [False, True])
def test_capitals_neither_lose_frames_nor_move_halves(tmp_path, kind, change, packed):
    root = tree(tmp_path / "set")
    before = fingerprints(detect.open_folder(root), tmp_path / "before")
    for path in sorted((root / kind).rglob("*.png"))[::2]:
        change(path)
    if packed:
        root = pack(root, tmp_path / "set.zip")
    dataset = detect.open_folder(root)
    assert (names(dataset), dataset.problems) == (ALL, ())
    assert fingerprints(dataset, tmp_path / "after") == before


def test_all_pairs_in_capitals_are_listed(tmp_path):
    root = tree(tmp_path / "set")
    for path in sorted(root.rglob("*.png")):
        capital_ending(path)
    assert names(detect.open_folder(root)) == ALL


def test_folders_and_archives_in_other_case_are_found(tmp_path):
    root = tree(tmp_path / "set", photos="LEFTIMG8BIT/Train/{city}/{city}_{index:06d}_000019_leftImg8bit.png")
    shutil.rmtree(root / "LEFTIMG8BIT" / "Train" / "frankfurt")
    shutil.rmtree(root / "gtFine" / "val")
    assert names(detect.open_folder(root)) == {**ALL, "val": [], "test": []}
    for part in ("LEFTIMG8BIT", "gtFine"):
        pack(root / part, root / f"{part}_TrainValTest.ZIP", lambda name, part=part: f"{part}/{name}")
        shutil.rmtree(root / part)
    assert names(detect.open_folder(root)) == {**ALL, "val": [], "test": []}


def test_folders_that_differ_by_case_only_are_rejected(tmp_path):
    root = tree(tmp_path / "set", photos="LeftImg8bit/{split}/{city}/{city}_{index:06d}_000019_leftImg8bit.png")
    shutil.copytree(root / "LeftImg8bit", root / "LEFTIMG8BIT")
    with pytest.raises(DataError, match="expected one entry named leftImg8bit, found LEFTIMG8BIT and LeftImg8bit"):
        detect.open_folder(root)


@pytest.mark.parametrize("pair", [("a.PNG", "a.png"), ("A.png", "a.PNG"), ("a.JPG", "A.png")])
@pytest.mark.parametrize("packed", [False, True])
def test_custom_photos_and_labels_pair_regardless_of_case(described, tmp_path, pair, packed):
    root = described(splits={"train": ["*"]})
    photo(root / "images" / pair[0])
    label(root / "labels" / pair[1], 1)
    dataset = detect.open_folder(pack(root, tmp_path / "own.zip") if packed else root)
    assert dataset.problems == ()
    assert pair[0].partition(".")[0] in names(dataset)["train"]


def test_names_that_differ_by_case_only_are_two_frames_if_both_have_labels(described):
    root = described(splits={"train": ["*"]})
    for stem in ("x", "X"):
        photo(root / "images" / f"{stem}.png")
        label(root / "labels" / f"{stem}.png", 1)
    dataset = detect.open_folder(root)
    assert dataset.problems == ()
    assert {"x", "X"} <= {*names(dataset)["train"], *names(dataset)["val"], *names(dataset)["test"]}


def test_two_labels_of_one_frame_are_a_problem(described):
    root = described()
    (root / "labels" / "a" / "0.PNG").write_bytes((root / "labels" / "a" / "0.png").read_bytes())
    (problem,) = detect.open_folder(root).problems
    assert problem.kind == "duplicate"
    assert problem.message == (
        f"{root}/labels/a/0.png: expected one label of this frame, found also {root}/labels/a/0.PNG; keep one of them"
    )


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("packed", ["no", "zip", "zip of macOS"])
def test_unicode_forms_are_one_name(described, tmp_path, form, packed):
    train, val = (unicodedata.normalize(form, name) for name in ("Zürich/é[01]", "Zürich/é2"))
    root = described(splits={"train": ["a/*", "b/*", train], "val": [val], "test": []})
    for index in range(3):
        city = {form: unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD")}
        stem = {form: unicodedata.normalize(form, f"é{index}.png") for form in ("NFC", "NFD")}
        photo(root / "images" / city["NFD"] / stem["NFC"])
        label(root / "labels" / city["NFC"] / stem["NFD"], 1)
    if packed != "no":
        path = pack(root, tmp_path / "own.zip")
        if packed == "zip of macOS":
            without_utf8_flag(path)
    dataset = detect.open_folder(root if packed == "no" else path)
    assert dataset.problems == ()
    assert names(dataset)["val"] == [unicodedata.normalize("NFC", "Zürich_é2")]
    assert api.verify(dataset).problems == ()


def test_comparison_of_names():
    assert fold("Strasse.PNG") == fold("strasse.png")
    assert fold("e\u0301") == fold("É")
    assert spelled("a", ["A", "b"], "here") == "A"
    assert spelled("a", ["A", "a"], "here") == "a"
    assert spelled("c", ["A"], "here") is None
    assert join({"a": [1], "A": [2], "b": [3]}, {"a": [4], "B": [5], "c": [6]}) == {
        "a": ([1], [4]),
        "A": ([2], []),
        "b": ([3], [5]),
        "c": ([], [6]),
    }
