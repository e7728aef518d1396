from __future__ import annotations

import shutil

import pytest

from cityseg.data import layout
from cityseg.errors import DataError, UsageError


@pytest.fixture
def copy(streets, tmp_path):
    """A copy of the drawn set that a test may damage."""
    return shutil.copytree(streets, tmp_path / "copy")


def test_splits_are_train_and_the_halves_of_val(streets):
    dataset = layout.open_folder(streets)
    official = {
        split: sorted(path.name.removesuffix("_leftImg8bit.png") for path in streets.glob(f"leftImg8bit/{split}/*/*"))
        for split in ("train", "val")
    }
    names = {split: [frame.name for frame in dataset.frames(split)] for split in layout.SPLITS}
    assert names == {"train": official["train"], "val": official["val"][:2], "test": official["val"][2:]}
    assert [len(official["train"]), len(official["val"])] == [7, 3]
    assert (dataset.name, dataset.kind, dataset.root) == ("streets", "cityscapes", streets)


def test_a_frame_knows_its_files(streets):
    frame = layout.open_folder(streets).frames("val")[0]
    assert frame.name.startswith(f"{frame.city}_")
    assert frame.photo == streets / "leftImg8bit" / "val" / frame.city / f"{frame.name}_leftImg8bit.png"
    assert frame.label == streets / "gtFine" / "val" / frame.city / f"{frame.name}_gtFine_labelIds.png"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_halves_of_any_count(tmp_path, count):
    for index in range(count):
        for kind, suffix in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_labelIds")):
            # Cities are listed before frames: the order is that of the frames' names, across cities.
            path = tmp_path / kind / "val" / f"city{index % 2}" / f"city{index % 2}_{index:06d}_000019_{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    splits = layout.open_folder(tmp_path).splits
    assert [len(splits[split]) for split in layout.SPLITS] == [0, (count + 1) // 2, count // 2]
    together = [frame.name for frame in splits["val"] + splits["test"]]
    assert together == sorted(together)


def test_the_official_folder_as_it_is(cityscapes_fullres):
    dataset = layout.open_folder(cityscapes_fullres)
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
    assert layout.open_folder(layout.Path(".")).name == "copy"


def test_no_such_folder(tmp_path):
    with pytest.raises(UsageError) as refused:
        layout.open_folder(tmp_path / "nowhere")
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
        layout.open_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: expected a folder with leftImg8bit/ and gtFine/, found no {missing}; "
        "name the folder that holds both"
    )


def test_folders_without_photos(tmp_path):
    (tmp_path / "leftImg8bit").mkdir()
    (tmp_path / "gtFine").mkdir()
    with pytest.raises(DataError) as refused:
        layout.open_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: expected photos named leftImg8bit/<split>/<city>/*_leftImg8bit.png, found none"
    )


def test_a_photo_without_label(copy):
    frame = layout.open_folder(copy).frames("train")[2]
    frame.label.unlink()
    with pytest.raises(DataError) as refused:
        layout.open_folder(copy)
    assert str(refused.value) == (
        f"{frame.photo}: expected its label at {frame.label}, found none; add the label or take the photo out"
    )


def test_what_is_connected_when_nothing_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CITYSEG_DATA", raising=False)
    assert layout.default_data() == "synthetic"
    (tmp_path / "data" / "cityscapes").mkdir(parents=True)
    assert layout.default_data() == "data/cityscapes"
    monkeypatch.setenv("CITYSEG_DATA", "/somewhere")
    assert layout.default_data() == "/somewhere"
