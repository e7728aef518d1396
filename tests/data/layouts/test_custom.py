from __future__ import annotations

import hashlib
import json
import re
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.classes import CLASS_NAMES
from cityseg.data.dataset import SPLITS
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.errors import DataError

from ..conftest import VALUES_TO_TRAIN_IDS

ROOT = Path(__file__).resolve().parents[3]


def stems(root):
    dataset = detect.open_folder(root)
    return {split: [frame.name for frame in dataset.splits[split]] for split in SPLITS}


def refusal(root):
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_frames_know_their_files_split_and_city(described):
    root = described()
    dataset = detect.open_folder(root)
    assert (dataset.name, dataset.kind, dataset.root, dataset.problems) == ("Own streets", "described", root, ())
    assert stems(root) == {"train": ["a_0", "a_1", "a_2", "a_3"], "val": ["b_4", "b_5"], "test": ["b_6", "b_7"]}
    frame = dataset.frames("val")[1]
    assert (frame.name, frame.city, frame.photo.name, frame.label.name) == (
        "b_5",
        "b",
        "images/b/5.png",
        "labels/b/5.png",
    )
    assert frame.photo.path == root / "images" / "b" / "5.png"


def test_the_cache_holds_what_the_mapping_says(described, tmp_path):
    root = described()
    prepared = cache.prepare(detect.open_folder(root), "train", (6, 10), root=tmp_path / "cache")
    for index in range(4):
        photo = np.asarray(Image.open(root / "images" / "a" / f"{index}.png"))
        values = np.asarray(Image.open(root / "labels" / "a" / f"{index}.png"))
        np.testing.assert_array_equal(prepared.photos[index], photo)
        np.testing.assert_array_equal(prepared.labels[index], VALUES_TO_TRAIN_IDS[values])
    assert prepared.meta.cities == ("a",) * 4


def test_another_mapping_is_another_cache(described, tmp_path):
    described()
    first = cache.prepare(detect.open_folder(tmp_path / "own"), "val", (6, 10), root=tmp_path / "cache")
    described(train_ids={"0": 13, "1": "building", "2": 0, "3": "void"})
    second = cache.prepare(detect.open_folder(tmp_path / "own"), "val", (6, 10), root=tmp_path / "cache")
    assert first.meta.fingerprint != second.meta.fingerprint
    np.testing.assert_array_equal(np.where(first.labels == 10, 13, first.labels), second.labels)


@pytest.mark.parametrize("kind", ["palette", "4-bit palette", "16-bit", "large values"])
def test_label_images_of_every_allowed_kind(described, tmp_path, kind):
    ids = {"0": "sky", "1": "building", "2": 0, "3": None}
    factor = 20000 if kind == "large values" else 1
    root = described(train_ids={str(int(value) * factor): target for value, target in ids.items()})
    expected = {}
    for path in sorted((root / "labels").rglob("*.png")):
        values = np.array(Image.open(path))
        expected[f"{path.parent.name}_{path.stem}"] = VALUES_TO_TRAIN_IDS[values]
        if "palette" in kind:
            image = Image.fromarray(values).convert("P")
            image.putpalette(list(range(48)))
            image.save(path, bits=4 if kind == "4-bit palette" else 8)
        else:
            Image.fromarray(values.astype(np.uint16) * factor).save(path)
        assert path.read_bytes()[24] == {"palette": 8, "4-bit palette": 4}.get(kind, 16)
    for split in SPLITS:
        prepared = cache.prepare(detect.open_folder(root), split, (6, 10), root=tmp_path / "cache")
        for name, labels in zip(prepared.meta.frames, prepared.labels, strict=True):
            np.testing.assert_array_equal(labels, expected[name])


def test_photos_may_be_jpeg_and_names_may_be_capital(described):
    root = described()
    for path in sorted((root / "images" / "b").iterdir()):
        Image.open(path).save(path.with_suffix(".JPG" if path.stem == "4" else ".jpeg"))
        path.unlink()
    assert stems(root)["val"] == ["b_4", "b_5"]
    assert detect.open_folder(root).frames("val")[0].photo.name == "images/b/4.JPG"
    assert api.verify(str(root)).problems == ()


def test_everything_works_on_a_described_set(described, workplace, tiny):
    root = described()
    info = api.data_info(str(root))
    assert (info.name, info.kind, info.frames) == ("Own streets", "described", {"train": 4, "val": 2, "test": 2})
    assert (info.native_size, info.cities["val"]) == ((6, 10), ("b",))
    view = api.frame_view(str(root), "test", "b_7")
    values = np.asarray(Image.open(root / "labels" / "b" / "7.png"))
    np.testing.assert_array_equal(view.train_ids, VALUES_TO_TRAIN_IDS[values])
    report = api.stats_report(str(root), (6, 10))
    everything = np.concatenate([np.asarray(Image.open(path)).ravel() for path in (root / "labels" / "a").iterdir()])
    scored = np.bincount(VALUES_TO_TRAIN_IDS[everything], minlength=256)[:19]
    assert report["splits"]["train"]["sky"]["share"] == pytest.approx(scored[10] / scored.sum())
    assert report["splits"]["train"]["car"] == {**report["splits"]["train"]["car"], "share": 0, "frames": 0}
    result = api.train(tiny(epochs=1), str(root), name="own", runs=workplace / "runs")
    assert result.state == "finished"
    per_class = result.scores["test"]["per_class"]
    assert per_class["sky"]["support"] > 0
    assert per_class["rider"]["support"] == 0
    assert api.evaluate("own", str(root), "test", runs=workplace / "runs")["frames"] == 2


def test_folders_are_the_splits_where_none_are_named(described):
    root = described(splits=None)
    for part in ("images", "labels"):
        (root / part / "a").rename(root / part / "train")
        (root / part / "val").mkdir()
        (root / part / "b").rename(root / part / "val" / "north")
    assert stems(root) == {
        "train": ["train_0", "train_1", "train_2", "train_3"],
        "val": ["val_north_4", "val_north_5"],
        "test": ["val_north_6", "val_north_7"],
    }
    dataset = detect.open_folder(root)
    assert {frame.city for frame in dataset.splits["train"]} == {""}
    assert {frame.city for frame in dataset.splits["test"]} == {"north"}
    for part in ("images", "labels"):
        (root / part / "val" / "north").rename(root / part / "test")
        (root / part / "train" / "3.png").rename(root / part / "val" / "3.png")
    assert {split: len(names) for split, names in stems(root).items()} == {"train": 3, "val": 1, "test": 4}


def test_val_is_halved_where_no_test_is_named(described):
    assert stems(described(splits={"train": ["a/*"], "val": ["b/*"]})) == {
        "train": ["a_0", "a_1", "a_2", "a_3"],
        "val": ["b_4", "b_5"],
        "test": ["b_6", "b_7"],
    }
    assert stems(described(splits={"train": ["a/*"], "val": ["b/*"], "test": []}))["test"] == []


def test_text_files_name_frames(described):
    root = described(splits={"train": "lists/train.txt", "val": ["5"], "test": "test.txt"}, unused=["b/4", "7"])
    (root / "lists").mkdir()
    (root / "lists" / "train.txt").write_text("\ufeff# sequence a\n\na/0\n  images/a/1.png  \n2.png\n3\r\n", "utf-8")
    (root / "test.txt").write_text("b/6\n7\n")
    assert stems(root) == {"train": ["a_0", "a_1", "a_2", "a_3"], "val": ["b_5"], "test": ["b_6"]}


def test_names_with_the_signs_of_patterns(described):
    root = described(splits={"train": ["a/*"], "val": ["[b]*"], "test": "test.txt"})
    for part in ("images", "labels"):
        for stem in "45":
            (root / part / "b" / f"{stem}.png").rename(root / part / "b" / f"[b]{stem}.png")
    (root / "test.txt").write_text("[b]4\n[b]5\n6\n7\n")
    # As a pattern [b]* means a name that begins with b; in a text file signs are only signs.
    assert refusal(root).startswith(f"{root / 'dataset.json'}: expected names of frames in splits.val, found '[b]*'")
    for part in ("images", "labels"):
        (root / part / "b" / "6.png").rename(root / part / "b" / "b6.png")
    (root / "test.txt").write_text("[b]4\n[b]5\n7\n")
    assert stems(root)["val"] == ["b_b6"]
    assert stems(root)["test"] == ["b_7", "b_[b]4", "b_[b]5"]


def test_shares_follow_a_digest_of_the_names(described):
    root = described(splits={"train": 0.5, "val": 0.25, "test": 0.25})
    names = sorted((f"{'ab'[i // 4]}/{i}" for i in range(8)), key=lambda name: hashlib.sha256(name.encode()).digest())
    names = [name.replace("/", "_") for name in names]
    assert stems(root) == {"train": sorted(names[:4]), "val": sorted(names[4:6]), "test": sorted(names[6:])}
    everything = stems(described(splits={"train": 1}))
    assert [len(everything[split]) for split in SPLITS] == [8, 0, 0]
    halved = stems(described(splits={"train": 0.5, "val": 0.5}))
    assert halved["val"] == sorted(names[4:])[:2]
    assert halved["test"] == sorted(names[4:])[2:]


def test_what_is_no_frame_is_left_alone(described):
    root = described()
    for name in ("images/.DS_Store", "images/Thumbs.db", "images/a/._0.png", "labels/README.md", "LICENCE"):
        (root / name).write_text("not a frame")
    assert [len(names) for names in stems(root).values()] == [4, 2, 2]
    assert api.verify(str(root)).problems == ()


def test_missing_orphaned_and_double_files_are_problems(described):
    root = described()
    (root / "labels" / "a" / "1.png").unlink()
    (root / "images" / "b" / "4.png").unlink()
    Image.open(root / "images" / "b" / "6.png").save(root / "images" / "b" / "6.jpg")
    dataset = detect.open_folder(root)
    assert [(problem.kind, problem.split, problem.message) for problem in dataset.problems] == [
        (
            "missing label",
            "train",
            f"{root}/images/a/1.png: expected its label at {root}/labels/a/1.png, found none; "
            "add the label or remove the photo",
        ),
        (
            "orphaned label",
            "val",
            f"{root}/labels/b/4.png: expected its photo at {root}/images/b/4.png or .jpg, found none; "
            "add the photo or remove the label",
        ),
        (
            "duplicate",
            "test",
            f"{root}/images/b/6.png: expected one photo of this frame, found also {root}/images/b/6.jpg; "
            "keep one of them",
        ),
    ]
    assert stems(root) == {"train": ["a_0", "a_2", "a_3"], "val": ["b_5"], "test": ["b_7"]}


def test_names_that_meet_when_folders_are_joined(described):
    root = described()
    for part in ("images", "labels"):
        (root / part / "a" / "0.png").rename(root / part / "b_4.png")
    description = json.loads((root / "dataset.json").read_text())
    description["splits"]["train"].append("b_4")
    (root / "dataset.json").write_text(json.dumps(description))
    problems = detect.open_folder(root).problems
    assert [(problem.kind, problem.split) for problem in problems] == [("duplicate", "train"), ("duplicate", "val")]
    assert problems[0].message == (
        f"{root}/images/b_4.png: expected a frame name that no other file has, found b_4 also at "
        f"{root}/images/b/4.png; rename one"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": None}, "expected the key 'name', found none; add it"),
        ({"name": ""}, 'expected a valid name, found ""; string should have at least 1 character'),
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
            "expected label values 0 to 65535 as the keys of train_ids, found 'sky'; correct it",
        ),
        (
            {"train_ids": {"65536": 0}},
            "expected label values 0 to 65535 as the keys of train_ids, found '65536'; correct it",
        ),
        ({"train_ids": {"01": 0}}, "expected label values 0 to 65535 as the keys of train_ids, found '01'; correct it"),
        ({"split": {}}, "expected the keys name, train_ids, splits and unused, found 'split'; did you mean 'splits'?"),
        ({"licence": "CC0"}, "expected the keys name, train_ids, splits and unused, found 'licence'; remove it"),
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
            "expected the key 'name', found none; add it; also expected the keys name, train_ids, splits and unused, "
            "found 'colour'; remove it",
        ),
    ],
)
def test_descriptions_that_are_refused(described, changes, sentence):
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
def test_files_that_are_no_description(described, text, found):
    root = described()
    (root / "dataset.json").write_text(text)
    assert refusal(root).startswith(f"{root / 'dataset.json'}: {found}")


def test_bytes_that_are_no_text(described):
    root = described(splits={"train": ["a/*"], "val": "val.txt"})
    (root / "val.txt").write_bytes(b"\xff\xfe\x00b")
    assert refusal(root) == f"{root / 'val.txt'}: expected a text file with a frame's name per line, found other bytes"
    (root / "dataset.json").write_bytes(b"\xff\xfe")
    assert refusal(root).startswith(f"{root / 'dataset.json'}: expected JSON, found something else (")


def test_names_that_several_frames_have(described):
    root = described(splits={"train": "train.txt", "val": ["b/*"]})
    for part in ("images", "labels"):
        (root / part / "b" / "4.png").rename(root / part / "b" / "0.png")
    (root / "train.txt").write_text("0\n1\n2\n3\n")
    assert refusal(root) == (
        f"{root / 'train.txt'}: expected names of single frames in train, found '0', which 2 frames (a/0, b/0) have; "
        "write the folder before the name"
    )


def test_lists_that_name_what_is_not_there(described):
    root = described(splits={"train": "train.txt", "val": ["b/*"]})
    assert refusal(root) == f"{root / 'train.txt'}: expected a file, found none"
    (root / "train.txt").write_text("a/0\na/9\n")
    assert refusal(root) == (
        f"{root / 'train.txt'}: expected names of frames in train, found 'a/9', which no photo in images/ has; "
        "correct it or remove it"
    )


@pytest.mark.parametrize("folder", ["images", "labels"])
def test_a_missing_folder(described, folder):
    root = described()
    (root / folder).rename(root / "other")
    assert refusal(root) == (f"{root}: expected images/ and labels/ beside dataset.json, found no {folder}/; add it")


def test_values_that_are_not_mapped(described, tmp_path):
    root = described(train_ids={"0": "sky", "1": 2, "5": None, "7": None, "8": None})
    (root / "labels" / "b" / "5.png").unlink()
    values = np.array([[0, 1, 2], [3, 250, 5]], np.uint8).repeat(3, 0).repeat(3, 1)
    Image.fromarray(values[:6, :9]).save(root / "labels" / "b" / "5.png")
    Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(root / "images" / "b" / "5.png")
    sentence = (
        f"{root}/labels/b/5.png: expected the values that {root}/dataset.json maps (0 to 1, 5, 7 to 8), "
        "found 2, 3, 250; add them to train_ids, with null if they are not scored"
    )
    problems = {problem.path: problem for problem in api.verify(str(root)).problems}
    assert problems[f"{root}/labels/b/5.png"].message == sentence
    assert problems[f"{root}/labels/b/5.png"].kind == "unknown id"
    (root / "labels" / "b" / "4.png").write_bytes((root / "labels" / "b" / "5.png").read_bytes())
    (root / "images" / "b" / "4.png").write_bytes((root / "images" / "b" / "5.png").read_bytes())
    with pytest.raises(DataError) as refused:
        cache.prepare(detect.open_folder(root), "val", (6, 10), root=tmp_path / "cache")
    assert str(refused.value) in (sentence, sentence.replace("b/5.png", "b/4.png"))


@pytest.mark.parametrize(
    ("array", "mode"),
    [(np.zeros((6, 10, 3), np.uint8), "RGB"), (np.zeros((6, 10), bool), "1"), (np.zeros((6, 10, 4), np.uint8), "RGBA")],
)
def test_label_images_of_another_mode(described, array, mode):
    root = described()
    Image.fromarray(array).save(root / "labels" / "a" / "0.png")
    (problem,) = api.verify(str(root)).problems
    assert (problem.kind, problem.message) == (
        "wrong mode",
        f"{root}/labels/a/0.png: expected an 8-bit or 16-bit grey or palette PNG of labels, found mode {mode}; "
        "store one value per pixel",
    )


CAMVID = {
    "0001TP": [f"0001TP_{number:06d}" for number in range(6690, 10381, 30)],
    "0006R0": [f"0006R0_f{number:05d}" for number in range(930, 3931, 30)],
    "0016E5": [
        *(f"0016E5_{number:05d}" for number in range(390, 871, 30)),
        "0016E5_00901",
        *(f"0016E5_{number:05d}" for number in range(930, 2401, 30)),
        *(f"0016E5_{number:05d}" for number in range(4350, 7921, 30)),
        *(f"0016E5_{number:05d}" for number in range(7959, 8160, 2)),
        *(f"0016E5_{number:05d}" for number in range(8190, 8641, 30)),
    ],
    "Seq05VD": [f"Seq05VD_f{number:05d}" for number in range(0, 5101, 30)],
}
"""The names of CamVid's 701 labelled frames, by sequence."""


def test_the_documented_example_is_camvids_published_split(tmp_path):
    documented = re.search(r"```json\n(\{\s+\"name\": \"CamVid\".*?)```", (ROOT / "docs/datasets.md").read_text(), re.S)
    (tmp_path / "dataset.json").write_text(documented[1])
    for name in chain(*CAMVID.values()):
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}.png").touch()
    dataset = detect.open_folder(tmp_path)
    names = {split: {frame.name for frame in dataset.splits[split]} for split in SPLITS}
    assert {split: len(frames) for split, frames in names.items()} == {"train": 367, "val": 101, "test": 233}
    assert names["val"] == {f"0016E5_{number:05d}" for number in range(7959, 8160, 2)}
    assert names["test"] == {*CAMVID["Seq05VD"], *(name for name in CAMVID["0001TP"] if name >= "0001TP_008550")}
    values = np.arange(12, dtype=np.uint8)[None]
    assert dataset.table.to_train_ids(values).tolist() == [[10, 2, 5, 0, 1, 8, 7, 4, 13, 11, 18, 255]]
