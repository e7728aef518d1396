"""Errors of ``dataset.json`` and of the folders and frames that it names."""

from __future__ import annotations

import shutil

import pytest

from cityseg.classes import CLASS_NAMES
from cityseg.data.layouts import detect
from cityseg.errors import DataError

NAMES = "expected the keys name, train_ids, splits, unused, photos, labels, photo_suffix and label_suffix"
KEYS = (
    "expected label values 0 to 65535 or colours as the keys of train_ids, found {}; "
    'write colours as "#rrggbb" or "red,green,blue"'
)


def refusal(root):
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": None}, "expected the key 'name', found none; add it"),
        ({"name": ""}, 'expected a printable name, found ""; change it'),
        ({"name": 3}, "expected a valid name, found 3; input should be a valid string"),
        ({"train_ids": None}, "expected the key 'train_ids', found none; add it"),
        ({"train_ids": {}}, "expected train_ids to map label values to classes, found {}"),
        ({"train_ids": ["sky"]}, 'expected train_ids to map label values to classes, found ["sky"]'),
        ({"train_ids": {"0": "skye"}}, "expected a Cityscapes class for value 0, found 'skye'; the closest: sky"),
        (
            {"train_ids": {"4": "Pedestrian"}},
            f"expected a Cityscapes class for value 4, found 'Pedestrian'; the closest: {', '.join(CLASS_NAMES)}",
        ),
        ({"train_ids": {"7": "parking"}}, "expected a scored class for value 7, found 'parking'; write null for void"),
        ({"train_ids": {"0": 19}}, "expected train ids 0 to 18 or null, found 19 for value 0"),
        ({"train_ids": {"0": True}}, "expected a class name, a train id or null for value 0, found true"),
        ({"train_ids": {"0": 1.5}}, "expected a class name, a train id or null for value 0, found 1.5"),
        (
            {"train_ids": {"sky": 0}},
            KEYS.format('"sky"'),
        ),
        (
            {"train_ids": {"65536": 0}},
            KEYS.format('"65536"'),
        ),
        ({"train_ids": {"01": 0}}, KEYS.format('"01"')),
        (
            {"split": {}},
            f"{NAMES}, found 'split'; did you mean 'splits'?",
        ),
        (
            {"licence": "CC0"},
            f"{NAMES}, found 'licence'; remove it",
        ),
        ({"name": " \t"}, 'expected a printable name, found " \\t"; change it'),
        ({"name": "a\0"}, 'expected a printable name, found "a\\u0000"; change it'),
        (
            {"photos": ""},
            "expected a folder beside dataset.json, found ''; write \".\" for that of dataset.json itself",
        ),
        ({"labels": "../x"}, "expected a folder beside dataset.json, found '../x'; move it"),
        ({"splits": {}}, "expected splits to hold train, val and test, found {}"),
        ({"splits": {"training": ["*"]}}, "expected splits named train, val and test, found 'training'; rename it"),
        ({"splits": {"train": 0.7, "val": 0.2}}, "expected shares that add up to 1, found 0.9; change splits"),
        (
            {"splits": {"train": 0.7, "val": ["b/*"]}},
            "expected a share for every split or for none, found both kinds; choose one",
        ),
        (
            {"splits": {"train": 70, "val": 30}},
            "expected a list of names, a text file or a share from 0 to 1 for splits.train, found 70",
        ),
        (
            {"splits": {"train": "../train.txt"}},
            "expected a text file beside dataset.json for splits.train, found '../train.txt'; move it",
        ),
        (
            {"splits": {"train": ["a/*", "b/*"], "val": ["[45]"], "test": []}},
            "expected every frame in one split, found 2 frames (b/4, b/5) in two; change splits",
        ),
        (
            {"splits": {"train": ["a/[0-2]"], "val": ["4"], "test": ["5"]}},
            "expected every frame in a split, found 3 frames (a/3, b/6, b/7) in none; change splits or add to unused",
        ),
        (
            {"splits": {"train": ["4"], "val": [], "test": []}},
            "expected every frame in a split, found 7 frames (a/0, a/1, a/2 and 4 more) in none; "
            "change splits or add to unused",
        ),
        (
            {"splits": {"train": ["*"], "val": ["c/*"], "test": []}},
            "expected names of frames in splits.val, found 'c/*', which no photo in images/ has; "
            "correct it or remove it",
        ),
        (
            {"unused": ["9"]},
            "expected names of frames in unused, found '9', which no photo in images/ has; correct it or remove it",
        ),
        ({"unused": "a/*"}, 'expected a valid unused, found "a/*"; input should be a valid list'),
        (
            {"name": None, "colour": 1},
            f"expected the key 'name', found none; add it; also {NAMES}, found 'colour'; remove it",
        ),
    ],
)
def test_invalid_values_are_rejected(described, changes, sentence):
    root = described(**changes)
    assert refusal(root) == f"{root / 'dataset.json'}: {sentence}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "expected JSON, found something else (Expecting property name"),
        ("[" * 100_000, "expected JSON, found something else ("),
        ('{"name": "a", "name": "b"}', "expected JSON, found something else ('name' appears twice); correct it"),
        ("[]", "expected a JSON object with name and train_ids, found []; correct it"),
        ("", "expected JSON, found something else (Expecting value"),
    ],
)
def test_other_json_is_rejected(described, text, found):
    root = described()
    (root / "dataset.json").write_text(text)
    assert refusal(root).startswith(f"{root / 'dataset.json'}: {found}")


def test_binary_file_is_rejected(described):
    root = described(splits={"train": ["a/*"], "val": "val.txt"})
    (root / "val.txt").write_bytes(b"\xff\xfeb")
    assert (
        refusal(root)
        == f"{root / 'val.txt'}: expected a text file with a frame's name per line, found other bytes; save it as UTF-8"
    )
    (root / "dataset.json").write_bytes(b"\xff\xfe")
    assert refusal(root).startswith(f"{root / 'dataset.json'}: expected JSON, found something else (")


def test_ambiguous_names_are_rejected(described):
    root = described(splits={"train": "train.txt", "val": ["b/*"]})
    for part in ("images", "labels"):
        (root / part / "b" / "4.png").rename(root / part / "b" / "0.png")
    (root / "train.txt").write_text("0\n1\n2\n3\n")
    assert refusal(root) == (
        f"{root / 'train.txt'}: expected names of single frames in train, found '0', which 2 frames (a/0, b/0) have; "
        "write the folder before the name"
    )


def test_unknown_names_in_lists_are_rejected(described):
    root = described(splits={"train": "train.txt", "val": ["b/*"]})
    assert refusal(root) == f"{root / 'train.txt'}: expected a file, found none"
    (root / "train.txt").write_text("a/0\na/9\n")
    assert refusal(root) == (
        f"{root / 'train.txt'}: expected names of frames in train, found 'a/9', which no photo in images/ has; "
        "correct it or remove it"
    )


@pytest.mark.parametrize("folder", ["images", "labels"])
def test_missing_folder_is_rejected(described, folder):
    root = described()
    (root / folder).rename(root / "other")
    key = {"images": "photos", "labels": "labels"}[folder]
    assert refusal(root) == (
        f"{root}: expected images/ and labels/ beside dataset.json, found no {folder}/; rename or unpack other, or "
        f'name a folder with "{key}"'
    )
    shutil.rmtree(root / "other")
    assert refusal(root) == f"{root}: expected images/ and labels/ beside dataset.json, found no {folder}/; add it"
