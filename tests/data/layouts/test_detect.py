from __future__ import annotations

import shutil

import pytest

from cityseg.data.dataset import SPLITS, Problem, default_data
from cityseg.data.layouts import detect
from cityseg.errors import DataError, UsageError


def test_val_is_halved_into_val_and_test(streets):
    dataset = detect.open_folder(streets)
    official = {
        split: sorted(path.name.removesuffix("_leftImg8bit.png") for path in streets.glob(f"leftImg8bit/{split}/*/*"))
        for split in ("train", "val")
    }
    names = {split: [frame.name for frame in dataset.frames(split)] for split in SPLITS}
    assert names == {"train": official["train"], "val": official["val"][:2], "test": official["val"][2:]}
    assert [len(official["train"]), len(official["val"])] == [7, 3]
    assert (dataset.name, dataset.kind, dataset.root) == ("streets", "cityscapes", streets)


def test_frames_refer_to_their_files(streets):
    frame = detect.open_folder(streets).frames("val")[0]
    assert frame.name.startswith(f"{frame.city}_")
    assert frame.photo.name == f"leftImg8bit/val/{frame.city}/{frame.name}_leftImg8bit.png"
    assert frame.photo.path == streets / frame.photo.name
    assert frame.label.name == f"gtFine/val/{frame.city}/{frame.name}_gtFine_labelIds.png"
    assert frame.label.path == streets / frame.label.name


@pytest.mark.parametrize("count", [1, 2, 5])
def test_halves_differ_by_at_most_one_frame(tmp_path, count):
    for index in range(count):
        for kind, suffix in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_labelIds")):
            # Cities are listed before frames: the order is that of the frames' names, across cities.
            path = tmp_path / kind / "val" / f"city{index % 2}" / f"city{index % 2}_{index:06d}_000019_{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    splits = detect.open_folder(tmp_path).splits
    assert [len(splits[split]) for split in SPLITS] == [0, (count + 1) // 2, count // 2]
    together = [frame.name for frame in splits["val"] + splits["test"]]
    assert together == sorted(together)


def test_official_folder_is_listed(cityscapes_fullres):
    dataset = detect.open_folder(cityscapes_fullres)
    assert [frame.name for frame in dataset.frames("train")] == [
        "aachen_000000_000019",
        "aachen_000001_000019",
        "bochum_000000_000313",
        "bochum_000000_000600",
    ]
    assert [(frame.name, frame.city) for frame in dataset.frames("val")] == [("frankfurt_000000_000576", "frankfurt")]
    with pytest.raises(DataError) as refused:
        dataset.frames("test")
    assert str(refused.value) == (
        f"{cityscapes_fullres}: expected frames in the test split, found none; check leftImg8bit/"
    )


def test_current_folder_has_a_name(copy, monkeypatch):
    monkeypatch.chdir(copy)
    assert detect.open_folder(detect.Path(".")).name == "copy"


def test_missing_folder_is_rejected(tmp_path):
    with pytest.raises(UsageError) as refused:
        detect.open_folder(tmp_path / "nowhere")
    assert str(refused.value) == (
        f"{tmp_path / 'nowhere'}: expected a folder with leftImg8bit/ and gtFine/, found no such folder"
    )


@pytest.mark.parametrize(
    ("there", "missing"),
    [((), "leftImg8bit and no gtFine"), (("leftImg8bit",), "gtFine"), (("gtFine",), "leftImg8bit")],
)
def test_other_folders_are_rejected(tmp_path, there, missing):
    for name in there:
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError) as refused:
        detect.open_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: expected a folder with leftImg8bit/ and gtFine/, found no {missing}; "
        "name the folder that holds both, their zips, or dataset.json"
    )


def test_neighbouring_dataset_is_suggested(copy):
    for named in (copy / "leftImg8bit", copy.parent):
        with pytest.raises(UsageError) as refused:
            detect.open_folder(named)
        assert str(refused.value) == (
            f"{named}: expected a folder with leftImg8bit/ and gtFine/, found no leftImg8bit and no gtFine; "
            f"did you mean {copy}?"
        )


def test_impossible_path_is_rejected():
    path = detect.Path("x" * 5000)
    with pytest.raises(DataError) as refused:
        detect.open_folder(path)
    assert str(refused.value) == f"{path}: expected a readable folder, found File name too long; check the path"


def test_file_is_rejected(tmp_path):
    (tmp_path / "gtFine_trainvaltest.zip").touch()
    with pytest.raises(UsageError) as refused:
        detect.open_folder(tmp_path / "gtFine_trainvaltest.zip")
    assert str(refused.value) == (
        f"{tmp_path / 'gtFine_trainvaltest.zip'}: expected a folder with leftImg8bit/ and gtFine/, "
        "found a file; name its parent folder"
    )


def test_folders_without_photos_are_rejected(tmp_path):
    (tmp_path / "leftImg8bit").mkdir()
    (tmp_path / "gtFine").mkdir()
    with pytest.raises(DataError) as refused:
        detect.open_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: expected photos named leftImg8bit/<split>/<city>/*_leftImg8bit.png, found none"
    )


def test_photo_without_label_is_a_problem(copy):
    before = detect.open_folder(copy)
    frame = before.frames("train")[2]
    frame.label.path.unlink()
    dataset = detect.open_folder(copy)
    assert dataset.problems == (
        Problem(
            "missing label",
            "train",
            str(frame.photo),
            f"{frame.photo}: expected its label at {frame.label}, found none; add the label or remove the photo",
        ),
    )
    assert dataset.frames("train") == (*before.frames("train")[:2], *before.frames("train")[3:])


def test_label_without_photo_is_a_problem(copy):
    frame = detect.open_folder(copy).frames("test")[0]
    frame.photo.path.unlink()
    dataset = detect.open_folder(copy)
    assert dataset.problems == (
        Problem(
            "orphaned label",
            "test",
            str(frame.label),
            f"{frame.label}: expected its photo at {frame.photo}, found none; add the photo or remove the label",
        ),
    )
    assert dataset.splits["test"] == ()


def test_equal_names_in_two_cities_are_a_problem(copy):
    frame = detect.open_folder(copy).frames("train")[0]
    for file in (frame.photo, frame.label):
        other = file.path.parents[1] / "elsewhere" / file.path.name
        other.parent.mkdir()
        shutil.copy(file.path, other)
    dataset = detect.open_folder(copy)
    assert [(problem.kind, problem.split) for problem in dataset.problems] == [("duplicate", "train")] * 2
    assert frame.name not in [usable.name for usable in dataset.frames("train")]


def test_layouts_have_a_fixed_precedence(copy, described):
    own = described()
    for name in ("dataset.json", "images", "labels"):
        (own / name).rename(copy / name)
    assert detect.open_folder(copy).kind == "described"
    (copy / "dataset.json").unlink()
    (copy / "gtFine_trainvaltest.zip").write_text("not looked at")
    assert detect.open_folder(copy).kind == "cityscapes"


def test_official_test_folder_is_ignored(copy):
    shutil.copytree(copy / "leftImg8bit" / "val", copy / "leftImg8bit" / "test")
    dataset = detect.open_folder(copy)
    assert (dataset.problems, len(dataset.frames("val")), len(dataset.frames("test"))) == ((), 2, 1)


def test_default_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CITYSEG_DATA", raising=False)
    assert default_data() == "synthetic"
    (tmp_path / "data" / "cityscapes").mkdir(parents=True)
    assert default_data() == "data/cityscapes"
    monkeypatch.setenv("CITYSEG_DATA", "/somewhere")
    assert default_data() == "/somewhere"
