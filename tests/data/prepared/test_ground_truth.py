"""Ground truth at the labels' own size: stored once per split, checked against the prepared frames."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.classes import to_train_ids
from cityseg.data.prepared import cache
from cityseg.errors import DataError


@pytest.fixture
def folder(streets, tmp_path):
    """A copy of the synthetic dataset whose first val frame is larger than the others."""
    copy = shutil.copytree(streets, tmp_path / "set")
    for path in (min(copy.glob("*/val/*/*_leftImg8bit.png")), min(copy.glob("*/val/*/*_labelIds.png"))):
        with Image.open(path) as image:
            image.resize((200, 90), Image.Resampling.NEAREST).save(path)
    return copy


def test_labels_keep_their_own_size_and_values(folder, tmp_path):
    dataset = api.connect(str(folder))
    truth = cache.prepare(dataset, "val", (32, 64), root=tmp_path / "cache").truth
    assert len(truth) == 2
    assert truth.sizes == ((90, 200), (64, 128))
    for index, frame in enumerate(dataset.splits["val"]):
        with Image.open(frame.label.path) as image:
            expected = to_train_ids(np.asarray(image))
        np.testing.assert_array_equal(truth[index], expected)
    assert truth.select([1]).sizes == ((64, 128),)
    np.testing.assert_array_equal(truth.select([1])[0], truth[1])


def test_all_sizes_of_a_split_share_the_stored_labels(folder, tmp_path):
    dataset, root = api.connect(str(folder)), tmp_path / "cache"
    truths = [cache.prepare(dataset, "val", size, root=root).truth for size in ((32, 64), (16, 32))]
    assert len([*root.glob("labels-*")]) == 1
    np.testing.assert_array_equal(truths[0][0], truths[1][0])


def test_stored_labels_outlive_the_label_files(folder, tmp_path):
    prepared = cache.prepare(api.connect(str(folder)), "val", (32, 64), root=tmp_path / "cache")
    expected = prepared.truth[1]
    shutil.rmtree(folder / "gtFine")
    np.testing.assert_array_equal(prepared.truth[1], expected)


def test_labels_that_changed_since_they_were_prepared_are_an_error(folder, tmp_path):
    prepared = cache.prepare(api.connect(str(folder)), "val", (32, 64), root=tmp_path / "cache")
    path = min(folder.glob("gtFine/val/*/*_labelIds.png"))
    Image.fromarray(np.full((90, 200), 7, np.uint8)).save(path)
    with pytest.raises(DataError, match=r"expected the labels that were prepared, found that some have changed since;"):
        _ = prepared.truth
    assert not [*(tmp_path / "cache").glob("labels-*")]


@pytest.mark.parametrize("damage", ["torn", "lengthened", "wrong meta", "no file"])
def test_damaged_stored_labels_are_an_error(folder, tmp_path, damage):
    dataset, root = api.connect(str(folder)), tmp_path / "cache"
    _ = cache.prepare(dataset, "val", (32, 64), root=root).truth
    (stored,) = root.glob("labels-*")
    content = (stored / "labels.bin").read_bytes()
    if damage == "no file":
        (stored / "labels.bin").unlink()
    elif damage == "wrong meta":
        (stored / "meta.json").write_text(json.dumps({"frames": [[1, 2]]}))
    else:
        (stored / "labels.bin").write_bytes(content[:-1] if damage == "torn" else content + b"x")
    with pytest.raises(
        DataError, match=r"labels-\w+: expected stored labels, found damaged ones .*; delete the folder"
    ):
        _ = cache.prepare(dataset, "val", (32, 64), root=root).truth


def test_changed_bytes_are_an_error(folder, tmp_path):
    dataset, root = api.connect(str(folder)), tmp_path / "cache"
    _ = cache.prepare(dataset, "val", (32, 64), root=root).truth
    (stored,) = root.glob("labels-*")
    content = bytearray((stored / "labels.bin").read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    (stored / "labels.bin").write_bytes(content)
    with pytest.raises(DataError, match="expected stored labels, found damaged ones"):
        cache.prepare(dataset, "val", (32, 64), root=root).truth[0]
