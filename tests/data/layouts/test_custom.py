"""The custom layout: frames, splits and unpaired files."""

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
from cityseg.data.dataset import SPLITS
from cityseg.data.layouts import detect
from cityseg.errors import DataError

from ..conftest import VALUES_TO_TRAIN_IDS
from .layout_files import names, pack

ROOT = Path(__file__).resolve().parents[3]


def stems(root):
    dataset = detect.open_folder(root)
    return {split: [frame.name for frame in dataset.splits[split]] for split in SPLITS}


def refusal(root):
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_frames_have_files_split_and_city(described):
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


def test_jpeg_photos_and_upper_case_suffixes_are_accepted(described):
    root = described()
    for path in sorted((root / "images" / "b").iterdir()):
        Image.open(path).save(path.with_suffix(".JPG" if path.stem == "4" else ".jpeg"))
        path.unlink()
    assert stems(root)["val"] == ["b_4", "b_5"]
    assert detect.open_folder(root).frames("val")[0].photo.name == "images/b/4.JPG"
    assert api.verify(str(root)).problems == ()


def test_training_and_evaluation_on_a_custom_dataset(described, workplace, tiny):
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


def test_folders_are_the_default_splits(described):
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


def test_val_is_halved_without_a_test_split(described):
    assert stems(described(splits={"train": ["a/*"], "val": ["b/*"]})) == {
        "train": ["a_0", "a_1", "a_2", "a_3"],
        "val": ["b_4", "b_5"],
        "test": ["b_6", "b_7"],
    }
    assert stems(described(splits={"train": ["a/*"], "val": ["b/*"], "test": []}))["test"] == []


def test_text_files_list_frames(described):
    root = described(splits={"train": "lists/train.txt", "val": ["5"], "test": "test.txt"}, unused=["b/4", "7"])
    (root / "lists").mkdir()
    (root / "lists" / "train.txt").write_text("\ufeff# sequence a\n\na/0\n  images/a/1.png  \n2.png\n3\r\n", "utf-8")
    (root / "test.txt").write_text("b/6\n7\n")
    assert stems(root) == {"train": ["a_0", "a_1", "a_2", "a_3"], "val": ["b_5"], "test": ["b_6"]}


def test_names_may_contain_wildcard_characters(described):
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


def test_other_files_are_ignored(described):
    root = described()
    for name in ("images/.DS_Store", "images/Thumbs.db", "images/a/._0.png", "labels/README.md", "LICENCE"):
        (root / name).write_text("not a frame")
    assert [len(names) for names in stems(root).values()] == [4, 2, 2]
    assert api.verify(str(root)).problems == ()


def test_missing_orphaned_and_duplicate_files_are_problems(described):
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


def test_equal_joined_names_are_a_problem(described):
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


def test_documented_example_is_the_published_camvid_split(tmp_path):
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


def test_a_share_of_too_few_frames_is_noted(described):
    dataset = detect.open_folder(described(splits={"train": 0.96, "val": 0.02, "test": 0.02}))
    assert dataset.notes == (
        "there is no val frame, which training needs",
        "there is no test frame, so that no score is held out",
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("photos", "labels", "suffix"),
    [
        (".", "labels", ""),
        ("./", "labels", "_mask"),
        ("images", ".", "_mask"),
        (".", ".", "_mask"),
        ("both", "both", "_mask.png"),
        ("both", "./both", ""),
    ],
)
def test_photos_and_labels_may_share_a_folder(described, tmp_path, packed, photos, labels, suffix):
    """Labels are no photos, also where photos lie above them."""
    expected = names(detect.open_folder(described()))
    root = described(photos=photos, labels=labels, label_suffix=suffix)
    for kind, folder, ending in (("images", photos, "jpg" if not suffix else "png"), ("labels", labels, "png")):
        for path in sorted((root / kind).rglob("*.png")):
            stem = path.relative_to(root / kind).with_suffix("")
            end = suffix.removesuffix(".png") if kind == "labels" else ""
            new = root / folder / f"{stem}{end}.{ending}"
            new.parent.mkdir(parents=True, exist_ok=True)
            path.rename(new)
    dataset = detect.open_folder(pack(root, tmp_path / "own.zip") if packed else root)
    assert (names(dataset), dataset.problems) == (expected, ())


def test_photos_with_a_suffix_beside_their_labels(described):
    root = described(photos="labels", labels="labels", photo_suffix="_photo")
    for path in sorted((root / "images").rglob("*.png")):
        path.rename(root / "labels" / path.parent.name / f"{path.stem}_photo.png")
    dataset = detect.open_folder(root)
    assert ({split: len(frames) for split, frames in dataset.splits.items()}, dataset.problems) == (
        {"train": 4, "val": 2, "test": 2},
        (),
    )


def test_pngs_of_one_folder_without_a_suffix_are_refused(described):
    root = described(photos="images", labels="images")
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert str(refused.value) == (
        f"{root}/images: expected photos (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF) beside labels of the same "
        "folder, found only a/0.png, a/1.png, a/2.png and 5 more, which count as labels; write the ending of their "
        'names as "label_suffix"'
    )
