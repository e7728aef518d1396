from __future__ import annotations

import shutil

import pytest

from cityseg.data.dataset import SPLITS, Problem, default_data
from cityseg.data.layouts import detect
from cityseg.errors import DataError, UsageError


@pytest.fixture
def copy(streets, tmp_path):
    """A copy of the drawn set that a test may damage."""
    return shutil.copytree(streets, tmp_path / "copy")


def test_splits_are_train_and_the_halves_of_val(streets):
    dataset = detect.open_folder(streets)
    official = {
        split: sorted(path.name.removesuffix("_leftImg8bit.png") for path in streets.glob(f"leftImg8bit/{split}/*/*"))
        for split in ("train", "val")
    }
    names = {split: [frame.name for frame in dataset.frames(split)] for split in SPLITS}
    assert names == {"train": official["train"], "val": official["val"][:2], "test": official["val"][2:]}
    assert [len(official["train"]), len(official["val"])] == [7, 3]
    assert (dataset.name, dataset.kind, dataset.root) == ("streets", "cityscapes", streets)


def test_a_frame_knows_its_files(streets):
    frame = detect.open_folder(streets).frames("val")[0]
    assert frame.name.startswith(f"{frame.city}_")
    assert frame.photo.name == f"leftImg8bit/val/{frame.city}/{frame.name}_leftImg8bit.png"
    assert frame.photo.path == streets / frame.photo.name
    assert frame.label.name == f"gtFine/val/{frame.city}/{frame.name}_gtFine_labelIds.png"
    assert frame.label.path == streets / frame.label.name


@pytest.mark.parametrize("count", [1, 2, 5])
def test_halves_of_any_count(tmp_path, count):
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


def test_the_official_folder_as_it_is(cityscapes_fullres):
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


def test_the_working_folder_itself_has_a_name(copy, monkeypatch):
    monkeypatch.chdir(copy)
    assert detect.open_folder(detect.Path(".")).name == "copy"


def test_no_such_folder(tmp_path):
    with pytest.raises(UsageError) as refused:
        detect.open_folder(tmp_path / "nowhere")
    assert str(refused.value) == (
        f"{tmp_path / 'nowhere'}: expected a folder with leftImg8bit/ and gtFine/, found no such folder"
    )


@pytest.mark.parametrize(
    ("there", "missing"),
    [((), "leftImg8bit and no gtFine"), (("leftImg8bit",), "gtFine"), (("gtFine",), "leftImg8bit")],
)
def test_folders_that_are_no_dataset(tmp_path, there, missing):
    for name in there:
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError) as refused:
        detect.open_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: expected a folder with leftImg8bit/ and gtFine/, found no {missing}; "
        "name the folder that holds both, their zips, or dataset.json"
    )


def test_the_folder_beside_the_right_one(copy):
    for named in (copy / "leftImg8bit", copy.parent):
        with pytest.raises(UsageError) as refused:
            detect.open_folder(named)
        assert str(refused.value) == (
            f"{named}: expected a folder with leftImg8bit/ and gtFine/, found no leftImg8bit and no gtFine; "
            f"did you mean {copy}?"
        )


def test_a_path_that_no_folder_can_have():
    path = detect.Path("x" * 5000)
    with pytest.raises(DataError) as refused:
        detect.open_folder(path)
    assert str(refused.value) == f"{path}: expected a readable folder, found File name too long; check the path"


def test_a_file_is_no_dataset(tmp_path):
    (tmp_path / "gtFine_trainvaltest.zip").touch()
    with pytest.raises(UsageError) as refused:
        detect.open_folder(tmp_path / "gtFine_trainvaltest.zip")
    assert str(refused.value) == (
        f"{tmp_path / 'gtFine_trainvaltest.zip'}: expected a folder with leftImg8bit/ and gtFine/, "
        "found a file; name its parent folder"
    )


def test_folders_without_photos(tmp_path):
    (tmp_path / "leftImg8bit").mkdir()
    (tmp_path / "gtFine").mkdir()
    with pytest.raises(DataError) as refused:
        detect.open_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: expected photos named leftImg8bit/<split>/<city>/*_leftImg8bit.png, found none"
    )


def test_a_photo_without_label(copy):
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


def test_a_label_without_photo(copy):
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


def test_one_name_in_two_cities(copy):
    frame = detect.open_folder(copy).frames("train")[0]
    for file in (frame.photo, frame.label):
        other = file.path.parents[1] / "elsewhere" / file.path.name
        other.parent.mkdir()
        shutil.copy(file.path, other)
    dataset = detect.open_folder(copy)
    assert [(problem.kind, problem.split) for problem in dataset.problems] == [("duplicate", "train")] * 2
    assert frame.name not in [usable.name for usable in dataset.frames("train")]


def test_what_comes_first_where_several_layouts_lie_together(copy, described):
    own = described()
    for name in ("dataset.json", "images", "labels"):
        (own / name).rename(copy / name)
    assert detect.open_folder(copy).kind == "described"
    (copy / "dataset.json").unlink()
    (copy / "gtFine_trainvaltest.zip").write_text("not looked at")
    assert detect.open_folder(copy).kind == "cityscapes"


def test_the_folder_of_the_official_test_frames_is_not_looked_at(copy):
    shutil.copytree(copy / "leftImg8bit" / "val", copy / "leftImg8bit" / "test")
    dataset = detect.open_folder(copy)
    assert (dataset.problems, len(dataset.frames("val")), len(dataset.frames("test"))) == ((), 2, 1)


def test_what_is_connected_when_nothing_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CITYSEG_DATA", raising=False)
    assert default_data() == "synthetic"
    (tmp_path / "data" / "cityscapes").mkdir(parents=True)
    assert default_data() == "data/cityscapes"
    monkeypatch.setenv("CITYSEG_DATA", "/somewhere")
    assert default_data() == "/somewhere"
