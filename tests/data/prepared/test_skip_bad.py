"""Preparation without unusable frames."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.errors import DataError

from .conftest import SIZE, caches, directly


def test_skip_bad_leaves_out_unusable_frames(copy, root):
    dataset = detect.open_folder(copy)
    frames = dataset.frames("train")
    frames[0].photo.path.write_bytes(b"no image")
    Image.fromarray(np.full((64, 128), 77, np.uint8)).save(frames[4].label.path)
    with pytest.raises(DataError, match="expected"):
        cache.prepare(dataset, "train", SIZE, root=root)
    calls: list[tuple[int, int]] = []
    part = cache.prepare(
        dataset, "train", SIZE, root=root, on_progress=lambda *counts: calls.append(counts), skip_bad=True
    )
    assert calls == [(done, 7) for done in range(1, 8)]
    kept = [frame for index, frame in enumerate(frames) if index not in (0, 4)]
    assert part.meta.frames == tuple(frame.name for frame in kept)
    assert part.meta.skipped == (str(frames[0].photo), str(frames[4].photo))
    assert len(part.meta.photo_checksums) == len(part.photos) == len(part.labels) == 5
    for index, frame in enumerate(kept):
        photo, train_ids = directly(frame, SIZE)
        np.testing.assert_array_equal(part.photos[index], photo)
        np.testing.assert_array_equal(part.labels[index], train_ids)

    # The decision holds for these files, at any size; nothing is left out of a split that is whole.
    assert cache.is_prepared(dataset, "train", SIZE, root)
    assert cache.prepare(dataset, "train", SIZE, root=root).folder == part.folder
    assert cache.prepare(dataset, "train", (16, 32), root=root).meta.skipped == part.meta.skipped
    assert cache.prepare(dataset, "train", (16, 32), root=root).meta.fingerprint == part.meta.fingerprint
    whole = cache.prepare(dataset, "val", SIZE, root=root, skip_bad=True)
    assert whole.meta.skipped == ()
    assert cache.prepare(dataset, "val", SIZE, root=root).folder == whole.folder

    # A mended set is whole again, and a set that breaks anew is refused again.
    for frame, source in ((frames[0], frames[1]), (frames[4], frames[1])):
        shutil.copy(source.photo.path, frame.photo.path)
        shutil.copy(source.label.path, frame.label.path)
    assert cache.prepare(dataset, "train", SIZE, root=root).meta.skipped == ()
    frames[2].photo.path.write_bytes(b"no image")
    with pytest.raises(DataError, match="found another kind of file"):
        cache.prepare(dataset, "train", SIZE, root=root)


def test_listing_problems_are_counted_and_skipped(copy, root):
    frames = detect.open_folder(copy).frames("train")
    frames[1].label.path.unlink()
    frames[3].label.path.unlink()
    dataset = detect.open_folder(copy)
    first, second = dataset.problems
    with pytest.raises(DataError) as refused:
        cache.prepare(dataset, "train", SIZE, root=root)
    assert str(refused.value) == (
        f"{first.message} (1 of 2 in train); run `cityseg data verify` for a list, or leave such frames out with "
        "`cityseg data prepare --skip-bad`"
    )
    part = cache.prepare(dataset, "train", SIZE, root=root, skip_bad=True)
    assert part.meta.skipped == (first.path, second.path)
    assert len(part) == 5
    assert cache.prepare(dataset, "train", SIZE, root=root).folder == part.folder
    assert cache.prepare(dataset, "val", SIZE, root=root).meta.skipped == ()


def test_split_without_usable_frames_is_rejected(copy, root):
    dataset = detect.open_folder(copy)
    for frame in dataset.frames("val"):
        frame.photo.path.write_bytes(b"no image")
    with pytest.raises(DataError) as refused:
        cache.prepare(dataset, "val", SIZE, root=root, skip_bad=True)
    assert str(refused.value) == (
        f"{copy}: expected usable frames in the val split, found none among 2; run `cityseg data verify`"
    )
    assert caches(root) == []
