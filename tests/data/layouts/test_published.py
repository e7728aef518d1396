"""Published layouts beside plain Cityscapes: other photos, other labels, other folders."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from cityseg import api
from cityseg.classes import CLASS_NAMES
from cityseg.data.dataset import Frame
from cityseg.data.frame_io import read_label
from cityseg.data.instances import instance_file
from cityseg.data.layouts import detect
from cityseg.data.layouts.numberings import NUMBERINGS
from cityseg.errors import DataError, UsageError

from .layout_files import label, names, pack, photo, tree

LABELS = "gtFine/{split}/{city}/{city}_{index:06d}_000019_gtFine_"
ALL = {
    "train": ["aachen_000000_000019", "aachen_000001_000019", "aachen_000002_000019"],
    "val": ["frankfurt_000000_000019", "frankfurt_000001_000019"],
    "test": ["frankfurt_000002_000019"],
}


def classes(dataset):
    """Return the names of the classes in the first train label."""
    found = np.unique(read_label(dataset.frames("train")[0].label, (4, 6), dataset.table))
    return ["void" if train_id == 255 else CLASS_NAMES[train_id] for train_id in found]


@pytest.fixture(params=["folder", "zip", "zip of Windows"])
def opened(request, tmp_path):
    """Open a folder as it is, or packed as a whole."""

    def open_it(root):
        if request.param == "folder":
            return detect.open_folder(root)
        rename = (lambda name: f"my data/{name}".replace("/", "\\")) if request.param == "zip of Windows" else str
        return detect.open_folder(pack(root, tmp_path / "packed.zip", rename))

    return open_it


@pytest.mark.parametrize("folder", ["leftImg8bit_foggy", "leftImg8bit_foggyDBF", "leftImg8bit"])
def test_foggy_photos_are_read(tmp_path, opened, folder):
    photos = folder + "/{split}/{city}/{city}_{index:06d}_000019_leftImg8bit_foggy_beta_0.02.png"
    dataset = opened(tree(tmp_path / "set", photos=photos, value=26))
    assert (names(dataset), dataset.problems) == (ALL, ())
    assert dataset.notes == ("photos are the ones that end in _foggy_beta_0.02",)
    assert api.verify(dataset).problems == ()


def test_plain_photos_come_before_versions(tmp_path):
    root = tree(tmp_path / "set")
    tree(root, photos="leftImg8bit/{split}/{city}/{city}_{index:06d}_000019_leftImg8bit_foggy_beta_0.02.png")
    dataset = detect.open_folder(root)
    assert {frame.photo.name[-16:] for frame in dataset.frames("train")} == {"_leftImg8bit.png"}
    assert dataset.notes == ()


def test_several_versions_are_rejected_with_a_description_that_works(tmp_path):
    root = tmp_path / "set"
    for beta in ("0.005", "0.02"):
        tree(
            root,
            photos="leftImg8bit_foggy/{split}/{city}/{city}_{index:06d}_000019_leftImg8bit_foggy_beta_" + f"{beta}.png",
        )
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    sentence, description = str(refused.value).split(" such as ")
    assert sentence == (
        f"{root}: expected one version of each photo, found photos that end in _foggy_beta_0.005, _foggy_beta_0.02; "
        "choose one with a dataset.json"
    )
    (root / "dataset.json").write_text(description)
    dataset = detect.open_folder(root)
    assert [len(frames) for frames in names(dataset).values()] == [3, 2, 1]
    assert (dataset.problems, classes(dataset)) == ((), ["road"])
    assert dataset.frames("train")[0].photo.name.endswith("_foggy_beta_0.02.png")


def test_coarse_labels_with_train_extra(tmp_path, opened):
    root = tree(
        tmp_path / "set",
        labels="gtCoarse/{split}/{city}/{city}_{index:06d}_000019_gtCoarse_labelIds.png",
        splits={"train": "aachen", "train_extra": "augsburg", "val": "frankfurt"},
    )
    dataset = opened(root)
    extra = [name.replace("aachen", "augsburg") for name in ALL["train"]]
    assert (names(dataset), dataset.problems) == ({**ALL, "train": ALL["train"] + extra}, ())
    assert dataset.notes == (
        "labels are the coarse ones in gtCoarse/",
        "train_extra/ belongs to train, with the coarse labels in gtCoarse/",
    )


def test_coarse_labels_in_their_official_archives(tmp_path):
    root = tree(
        tmp_path / "set",
        labels="gtCoarse/{split}/{city}/{city}_{index:06d}_000019_gtCoarse_labelIds.png",
        splits={"train_extra": "augsburg", "val": "frankfurt"},
    )
    home = tmp_path / "archives"
    home.mkdir()
    pack(root / "gtCoarse", home / "gtCoarse.zip", lambda name: f"gtCoarse/{name}")
    for split, archive in (("train_extra", "trainextra"), ("val", "trainvaltest")):
        place = f"leftImg8bit/{split}/"
        pack(root / place, home / f"leftImg8bit_{archive}.zip", lambda name, place=place: place + name)
    dataset = detect.open_folder(home)
    assert [len(frames) for frames in names(dataset).values()] == [3, 2, 1]
    assert dataset.problems == ()


def test_fine_labels_leave_train_extra_alone(tmp_path):
    root = tree(tmp_path / "set")
    tree(
        root,
        labels="gtCoarse/{split}/{city}/{city}_{index:06d}_000019_gtCoarse_labelIds.png",
        splits={"train_extra": "augsburg", "train": "aachen"},
    )
    dataset = detect.open_folder(root)
    assert (names(dataset), dataset.problems, dataset.notes) == (ALL, (), ())


def test_train_extra_without_coarse_labels_is_named(tmp_path):
    root = tree(tmp_path / "set", splits={"train_extra": "augsburg"})
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert str(refused.value) == (
        f"{root}: expected photos named leftImg8bit/<split>/<city>/*_leftImg8bit.png, found only "
        "leftImg8bit/train_extra/, whose labels are in gtCoarse/; put that folder beside it"
    )


@pytest.mark.parametrize(
    ("ending", "value", "numbering"),
    [
        ("labelTrainIds.png", 13, "cityscapes-train-ids"),
        ("labeltrainids.PNG", 13, "cityscapes-train-ids"),
        ("color.png", (0, 0, 142), "cityscapes-colors"),
        ("labelcsIds.png", 26, "cityscapes-ids"),
    ],
)
def test_other_labels_beside_the_photos_are_read(tmp_path, opened, ending, value, numbering):
    dataset = opened(tree(tmp_path / "set", labels=LABELS + ending, value=value))
    assert (names(dataset), classes(dataset)) == (ALL, ["car"])
    assert dataset.notes == (f"labels are read from *_gtFine_{ending} ({numbering})",)
    verification = api.verify(dataset)
    assert (verification.problems, verification.notes) == ((), dataset.notes)


@pytest.mark.parametrize("verb", ["prepare", "verify"])
def test_command_line_prints_what_was_read(tmp_path, workplace, cityseg, verb):
    root = tree(tmp_path / "set", labels=LABELS + "labelTrainIds.png", value=13)
    answer = cityseg("data", verb, "--data", root)
    assert answer.code == 0, answer.err
    note = "note: labels are read from *_gtFine_labelTrainIds.png (cityscapes-train-ids)"
    assert answer.out.splitlines()[0] == note


def test_label_ids_come_before_other_labels(tmp_path):
    root = tree(tmp_path / "set")
    tree(root, labels=LABELS + "labelTrainIds.png", value=13)
    assert (classes(detect.open_folder(root)), detect.open_folder(root).notes) == (["road"], ())
    lacking = sorted(root.rglob("*_labelIds.png"))[0]
    lacking.unlink()
    (problem,) = detect.open_folder(root).problems
    assert problem.message.endswith(
        f"expected its label at {lacking}, found only aachen_000000_000019_gtFine_labelTrainIds.png; "
        "add the label or remove the photo"
    )


@pytest.mark.parametrize("ending", ["jpg", "JPG", "jpeg", "tif"])
def test_photos_of_other_formats_in_the_official_tree(tmp_path, ending):
    photos = "leftImg8bit/{split}/{city}/{city}_{index:06d}_000019_leftImg8bit." + ending
    root = tree(tmp_path / "set", photos=photos, value=26)
    dataset = detect.open_folder(root)
    assert (names(dataset), api.verify(dataset).problems) == (ALL, ())
    # A PNG of the same photo comes first: it alone was read before.
    photo(root / "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png")
    dataset = detect.open_folder(root)
    assert (names(dataset), dataset.problems) == (ALL, ())
    assert dataset.frames("train")[0].photo.name.endswith(".png")


@pytest.mark.parametrize(
    ("ending", "value", "found", "notes"),
    [
        ("labelIds", 7, "road", ()),
        ("labelids", 12, "car", ("labels are read from *_gtFine_labelids.png (idd-ids)",)),
        ("labellevel3Ids", 9, "car", ("labels are read from *_gtFine_labellevel3Ids.png (idd-level3-ids)",)),
    ],
)
def test_frame_numbers_that_repeat_in_each_drive(tmp_path, opened, ending, value, found, notes):
    root = tmp_path / "idd"
    for splits in ({"train": "001", "val": "002"}, {"train": "003"}):
        tree(
            root,
            photos="leftImg8bit/{split}/{city}/frame{index:04d}_leftImg8bit.jpg",
            labels="gtFine/{split}/{city}/frame{index:04d}_gtFine_" + f"{ending}.png",
            splits=splits,
            value=value,
        )
    dataset = opened(root)
    assert names(dataset) == {
        "train": [f"{drive}_frame{index:04d}" for drive in ("001", "003") for index in range(3)],
        "val": ["002_frame0000", "002_frame0001"],
        "test": ["002_frame0002"],
    }
    assert (dataset.problems, classes(dataset), dataset.notes) == ((), [found], notes)


def test_unique_frame_numbers_keep_their_names(tmp_path):
    root = tree(
        tmp_path / "set",
        photos="leftImg8bit/{split}/{city}/{split}{index}_leftImg8bit.png",
        labels="gtFine/{split}/{city}/{split}{index}_gtFine_labelIds.png",
    )
    assert names(detect.open_folder(root))["train"] == ["train0", "train1", "train2"]


@pytest.mark.parametrize(("ending", "value"), [("labelIds", 7), ("labelTrainIds", 0), ("labelColor", (128, 64, 128))])
def test_acdc(tmp_path, opened, ending, value):
    root = tmp_path / "acdc"
    for condition in ("fog", "night"):
        for split, drive in (("train", "GOPR0475"), ("val", "GP010476"), ("test", "GOPR0477"), ("train_ref", "GP1")):
            place = f"{condition}/{split}/{drive}/{condition[0]}{drive}_frame_000041"
            photo(root / "rgb_anon" / f"{place}_rgb{'_ref' if '_' in split else ''}_anon.png")
            if split in ("train", "val"):
                label(root / "gt" / f"{place}_gt_{ending}.png", value)
                label(root / "gt" / f"{place}_gt_invIds.png", 1)
    dataset = opened(root)
    assert names(dataset) == {
        "train": ["fGOPR0475_frame_000041", "nGOPR0475_frame_000041"],
        "val": ["fGP010476_frame_000041"],
        "test": ["nGP010476_frame_000041"],
    }
    assert [frame.city for frame in dataset.frames("train")] == ["fog", "night"]
    assert (dataset.problems, classes(dataset)) == ((), ["road"])


def test_archives_unpacked_into_folders_of_their_names(tmp_path):
    plain = tree(tmp_path / "plain")
    root = tmp_path / "set"
    for part in ("leftImg8bit", "gtFine"):
        shutil.copytree(plain / part, root / f"{part}_trainvaltest" / part)
    dataset = detect.open_folder(root)
    assert (names(dataset), dataset.problems) == (ALL, ())


@pytest.mark.parametrize("change", [str, str.upper])
def test_instance_ids_are_found_beside_labels(tmp_path, change):
    root = tree(tmp_path / "set")
    for path in sorted(root.rglob("*_labelIds.png")):
        label(path.with_name(change(path.name.replace("labelIds", "instanceIds"))), 7)
        path.rename(path.with_name(change(path.name)))
    for opened in (detect.open_folder(root), detect.open_folder(pack(root, tmp_path / "set.zip"))):
        for frame in opened.frames("train"):
            assert isinstance(frame, Frame)
            assert instance_file(frame).read()


def voc(root, classes_file, text, value):
    for index in range(4):
        photo(root / "JPEGImages" / f"{index}.jpg")
        label(root / "SegmentationClass" / f"{index}.png", value)
    (root / classes_file).write_text(text)
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n")
    (lists / "val.txt").write_text("2\n3\n")
    return root


CVAT = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\nTraffic Light:250,170,30::\n"
LABELME = "__ignore__\n_background_\nroad\ntraffic light\n"


@pytest.mark.parametrize(
    ("classes_file", "text", "value", "found"),
    [
        ("labelmap.txt", CVAT, (250, 170, 30), "traffic light"),
        ("labelmap.txt", CVAT, (0, 0, 0), "void"),
        ("labelmap.txt", CVAT.replace("\n", "\r\n\r\n").replace(",", " , "), (250, 170, 30), "traffic light"),
        (
            "labelmap.txt",
            "\n\ufeff road : 128, 64, 128 : :  \n\ntraffic-light:250 170 30\n",
            (250, 170, 30),
            "traffic light",
        ),
        ("labelmap.txt", "traffic_light:(250, 170, 30)::", (250, 170, 30), "traffic light"),
        ("class_names.txt", LABELME, 2, "traffic light"),
        ("class_names.txt", LABELME, 0, "void"),
        ("class_names.txt", LABELME, 255, "void"),
    ],
)
def test_voc_exports(tmp_path, opened, classes_file, text, value, found):
    dataset = opened(voc(tmp_path / "export", classes_file, text, value))
    assert names(dataset) == {"train": ["0", "1"], "val": ["2"], "test": ["3"]}
    assert (dataset.problems, classes(dataset)) == ((), [found])
    assert api.verify(dataset).problems == ()


def test_voc_export_without_lists_is_rejected_with_a_description_that_works(tmp_path):
    root = voc(tmp_path / "export", "labelmap.txt", CVAT, (128, 64, 128))
    shutil.rmtree(root / "ImageSets")
    with pytest.raises(UsageError) as refused:
        detect.open_folder(root)
    sentence, description = str(refused.value).split(" such as ")
    assert sentence == (
        f"{root}: expected ImageSets/Segmentation/train.txt and val.txt in an export with JPEGImages/ and "
        "SegmentationClass/, found none; write a dataset.json"
    )
    (root / "dataset.json").write_text(description)
    assert classes(detect.open_folder(root)) == ["road"]


def test_voc_export_with_other_classes_is_rejected(tmp_path):
    root = voc(tmp_path / "export", "labelmap.txt", CVAT + "cow:1,2,3::\n", (128, 64, 128))
    with pytest.raises(DataError) as refused:
        detect.open_folder(root)
    assert str(refused.value) == (
        f"{root}/labelmap.txt: expected names of Cityscapes classes, found cow; rename them, or map their values or "
        "colours with train_ids in a dataset.json"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("road\nbuilding:70,70,70::\n", "'road'"),
        ("road:128,64\n", "'road:128,64'"),
        ("road:128,64,300\n", "'road:128,64,300'"),
        ("road:1,2,3\nbuilding:1,2,3\n", "'building:1,2,3'"),
        ("road:1.5,2,3\n", "'road:1.5,2,3'"),
    ],
)
def test_a_list_of_classes_in_mixed_forms_is_rejected(tmp_path, text, found):
    root = voc(tmp_path / "export", "labelmap.txt", text, (128, 64, 128))
    with pytest.raises(DataError, match="expected lines name:red,green,blue, each colour once, found ") as refused:
        detect.open_folder(root)
    assert str(refused.value).endswith(found)


def test_idd_numberings():
    ids = NUMBERINGS["idd-ids"].to_train_ids(np.arange(40, dtype=np.uint8)[None])[0]
    assert [int(ids[value]) for value in (0, 3, 6, 17, 20, 29, 33)] == [0, 1, 11, 16, 3, 2, 10]
    level3 = NUMBERINGS["idd-level3-ids"].to_train_ids(np.arange(26, dtype=np.uint8)[None])[0]
    assert [int(level3[value]) for value in (0, 2, 9, 14, 20, 25)] == [0, 1, 13, 3, 5, 10]


def described(root, **changes):
    for index in range(4):
        photo(root / "pictures" / f"{index}_rgb.png")
        label(root / "masks" / f"{index}_mask.png", (128, 64, 128))
    description = {
        "name": "Own",
        "train_ids": {"#804080": "road", "0, 0, 0": None},
        "splits": {"train": 0.5, "val": 0.5},
        "photos": "pictures",
        "labels": "./masks/",
        "photo_suffix": "_rgb",
        "label_suffix": "_mask.png",
        **changes,
    }
    (root / "dataset.json").write_text(json.dumps(description))
    return root


def test_folders_suffixes_and_colours_of_a_description(tmp_path, opened):
    dataset = opened(described(tmp_path / "own"))
    assert [len(frames) for frames in names(dataset).values()] == [2, 1, 1]
    assert (dataset.problems, classes(dataset)) == ((), ["road"])
    assert api.verify(dataset).problems == ()


def test_colours_that_are_not_mapped_are_rejected(tmp_path):
    root = described(tmp_path / "own", train_ids={"0,0,0": "road"})
    problems = api.verify(str(root)).problems
    assert {problem.kind for problem in problems} == {"unknown id"}
    assert "found #804080; add them to train_ids" in problems[0].message
