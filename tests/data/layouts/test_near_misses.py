"""Messages name what lies where something else was expected."""

from __future__ import annotations

import json
import shutil

import pytest

from cityseg.data.layouts import detect
from cityseg.errors import CitysegError

from .layout_files import label, pack, photo, tree


def refusal(root):
    with pytest.raises(CitysegError) as refused:
        detect.open_folder(root)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_missing_label_names_other_files_of_the_frame(tmp_path):
    root = tree(tmp_path / "set", labels="gtFine/{split}/{city}/{city}_{index:06d}_000019_gtFine_polygons.json")
    problem = detect.open_folder(root).problems[0]
    assert problem.message == (
        f"{root}/leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png: expected its label at "
        f"{root}/gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png, found only "
        "aachen_000000_000019_gtFine_polygons.json; add the label or remove the photo"
    )


@pytest.mark.parametrize("packed", [False, True])
def test_missing_custom_label_names_its_other_format(described, tmp_path, packed):
    root = described()
    path = root / "labels" / "a" / "0.png"
    path.rename(path.with_suffix(".tif"))
    problem = detect.open_folder(pack(root, tmp_path / "own.zip") if packed else root).problems[0]
    assert problem.message.endswith("labels/a/0.png, found only 0.tif; add the label or remove the photo")


def test_a_description_with_another_name_is_named(described):
    root = described()
    (root / "dataset.json").rename(root / "dataset.json.txt")
    assert refusal(root).endswith("but dataset.json.txt; rename it to dataset.json")


def test_a_description_deep_in_an_archive_is_named(described, tmp_path):
    root = described()
    (tmp_path / "top" / "middle").mkdir(parents=True)
    root.rename(tmp_path / "top" / "middle" / "set")
    packed = pack(tmp_path / "top", tmp_path / "own.zip")
    assert refusal(packed).endswith("but middle/set/dataset.json; name its folder, or pack that folder alone")


def test_photos_with_other_names(tmp_path):
    root = tree(tmp_path / "set", photos="leftImg8bit/{split}/{city}/{index}.bmp")
    assert refusal(root).endswith("found only train/aachen/0.bmp, train/aachen/1.bmp, train/aachen/2.bmp and 3 more")


def archives(root, photos, labels="gtFine_trainvaltest.zip"):
    """Make a folder with archives of these names."""
    source = tree(root.parent / "source")
    root.mkdir()
    for part, name in (("leftImg8bit", photos), ("gtFine", labels)):
        pack(source / part, root / name, lambda path, part=part: f"{part}/{path}")
    return root


@pytest.mark.parametrize("name", ["leftImg8bit.zip", "leftImg8bit_all.zip", "leftImg8bit_trainvaltest (1).zip"])
def test_archives_that_begin_as_the_part_are_read(tmp_path, name):
    assert len(detect.open_folder(archives(tmp_path / "set", name)).frames("train")) == 3


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("leftImg8bit (1).zip", "rename it to leftImg8bit_trainvaltest.zip"),
        ("left_img_8bit.zip", "rename it to leftImg8bit_trainvaltest.zip"),
        ("leftlmg8bit_trainvaltest.zip", "rename it to leftImg8bit_trainvaltest.zip"),
        ("leftImg8bit_trainvaltest.zip.part", "finish its download"),
        ("leftImg8bit_trainvaltest.tar.gz", "unpack it, or pack it as leftImg8bit_trainvaltest.zip"),
        ("photos.zip", "put it beside the other"),
    ],
)
def test_an_archive_with_nearly_the_right_name_is_named(tmp_path, name, remedy):
    assert refusal(archives(tmp_path / "set", name)).endswith(
        f"found gtFine_trainvaltest.zip but no leftImg8bit_trainvaltest.zip, only {name}; {remedy}"
    )


@pytest.mark.parametrize("name", ["leftImg8bits", "leftlmg8bit", "left_img8bit"])
def test_a_folder_with_nearly_the_right_name_is_named(tmp_path, name):
    root = tree(tmp_path / "set")
    (root / "leftImg8bit").rename(root / name)
    assert refusal(root).endswith(f"found no leftImg8bit, only {name}; rename it to leftImg8bit/")


@pytest.mark.parametrize("folder", ["gtFine", "gtFine/train/aachen", "leftImg8bit"])
def test_archives_beside_an_empty_folder_are_read(tmp_path, folder):
    root = archives(tmp_path / "set", "leftImg8bit_trainvaltest.zip")
    (root / folder).mkdir(parents=True)
    dataset = detect.open_folder(root)
    assert (len(dataset.frames("train")), dataset.problems) == (3, ())


def test_photos_in_another_folder_are_named(described):
    root = described()
    (root / "images").rename(root / "pictures")
    (root / "images").mkdir()
    assert refusal(root).endswith(
        "found none, but pictures/a/0.png, pictures/a/1.png, pictures/a/2.png and 5 more; "
        'name their folder with "photos"'
    )


@pytest.mark.parametrize("ending", ["dng", "svg", "npy"])
def test_files_that_are_no_photos_are_named(described, ending):
    root = described()
    for path in sorted((root / "images").rglob("*.png")):
        path.rename(path.with_suffix(f".{ending}"))
    assert refusal(root).endswith(f"found only a/0.{ending}, a/1.{ending}, a/2.{ending} and 5 more")


@pytest.mark.parametrize(("folder", "named"), [("one", "one"), ("one/two", "one/two")])
def test_dataset_further_down(tmp_path, folder, named):
    tree(tmp_path / "set" / folder)
    assert refusal(tmp_path / "set").endswith(f"did you mean {tmp_path}/set/{named}?")


@pytest.mark.parametrize("folder", ["leftImg8bit", "leftImg8bit/train"])
def test_dataset_further_up(tmp_path, folder):
    root = tree(tmp_path / "set")
    assert refusal(root / folder).endswith(f"did you mean {root}?")


def test_archive_of_a_whole_dataset_in_the_folder(described, tmp_path):
    (tmp_path / "home").mkdir()
    packed = pack(described(), tmp_path / "home" / "own.zip")
    assert refusal(tmp_path / "home").endswith(f"did you mean {packed}?")


@pytest.mark.parametrize("changed", ["SET", "set ", "se\u0301t"])
def test_folder_in_another_spelling(tmp_path, changed):
    root = tree(tmp_path / ("s\u00e9t" if changed.startswith("se\u0301") else "set"))
    assert refusal(tmp_path / changed).endswith(f"found no such folder; did you mean {root}?")


def test_archive_of_another_kind(tmp_path):
    (tmp_path / "set.tar.gz").touch()
    assert refusal(tmp_path / "set.tar.gz").endswith("found an archive that is no zip; unpack it, or pack it as a zip")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("annotations/instances.json", {"images": [], "annotations": [], "categories": []}, "COCO annotations"),
        ("export.json", [{"result": [{"brushlabels": ["road"]}]}], "brush annotations of Label Studio"),
        ("a.json", {"shapes": [{"points": []}]}, "polygons of labelme"),
    ],
)
def test_annotations_of_other_tools_are_named(tmp_path, described, name, content, kind):
    photo(tmp_path / "set" / "photos" / "a.jpg")
    file = tmp_path / "set" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
    assert f"; {kind} ({name}) cannot be read: export label images" in refusal(tmp_path / "set")
    root = described()
    shutil.rmtree(root / "labels")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(json.dumps(content))
    assert refusal(root).endswith(f"found no labels/; {kind} ({name}) cannot be read: export label images")


def test_brush_masks_of_label_studio_are_named(tmp_path):
    label(tmp_path / "set" / "task-1-annotation-2-by-1-tag-road-0.png", 255)
    assert "; brush masks of Label Studio (task-1-annotation-2-by-1-tag-road-0.png) cannot be read" in refusal(
        tmp_path / "set"
    )


def test_images_in_other_folders_are_named(tmp_path):
    photo(tmp_path / "set" / "pictures" / "a.jpg")
    assert refusal(tmp_path / "set").endswith(
        "found no leftImg8bit and no gtFine but images (pictures/a.jpg); describe them in a dataset.json, "
        "see docs/datasets.md"
    )
