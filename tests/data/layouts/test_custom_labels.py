"""Label images of the custom layout: values, modes and bit depths."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.data.dataset import SPLITS
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.errors import DataError

from ..conftest import VALUES_TO_TRAIN_IDS


def test_cache_holds_mapped_train_ids(described, tmp_path):
    root = described()
    prepared = cache.prepare(detect.open_folder(root), "train", (6, 10), root=tmp_path / "cache")
    for index in range(4):
        photo = np.asarray(Image.open(root / "images" / "a" / f"{index}.png"))
        values = np.asarray(Image.open(root / "labels" / "a" / f"{index}.png"))
        np.testing.assert_array_equal(prepared.photos[index], photo)
        np.testing.assert_array_equal(prepared.labels[index], VALUES_TO_TRAIN_IDS[values])
    assert prepared.meta.cities == ("a",) * 4


def test_changed_mapping_changes_the_cache(described, tmp_path):
    described()
    first = cache.prepare(detect.open_folder(tmp_path / "own"), "val", (6, 10), root=tmp_path / "cache")
    described(train_ids={"0": 13, "1": "building", "2": 0, "3": "void"})
    second = cache.prepare(detect.open_folder(tmp_path / "own"), "val", (6, 10), root=tmp_path / "cache")
    assert first.meta.fingerprint != second.meta.fingerprint
    np.testing.assert_array_equal(np.where(first.labels == 10, 13, first.labels), second.labels)


@pytest.mark.parametrize("kind", ["palette", "4-bit palette", "16-bit", "large values"])
def test_all_supported_label_images_are_read(described, tmp_path, kind):
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


def test_unmapped_values_are_rejected(described, tmp_path):
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
    ("array", "found"),
    [
        (np.full((6, 10, 3), (1, 1, 2), np.uint8), "mode RGB with colours"),
        (np.full((6, 10, 4), (1, 1, 1, 254), np.uint8), "mode RGBA with transparent pixels"),
    ],
)
def test_label_images_of_other_modes_are_rejected(described, array, found):
    root = described()
    Image.fromarray(array).save(root / "labels" / "a" / "0.png")
    (problem,) = api.verify(str(root)).problems
    assert (problem.kind, problem.message) == (
        "wrong mode",
        f"{root}/labels/a/0.png: expected an 8-bit or 16-bit grey or palette PNG of labels, found {found}; "
        "store one value per pixel",
    )
