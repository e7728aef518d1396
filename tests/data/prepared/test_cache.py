"""Prepared splits: contents, reuse and identity."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.errors import DataError

from .conftest import SIZE, directly


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_arrays_equal_a_direct_computation(streets, root, split):
    dataset = detect.open_folder(streets)
    prepared = cache.prepare(dataset, split, SIZE, root=root)
    frames = dataset.frames(split)
    assert prepared.photos.shape == (len(frames), *SIZE, 3)
    assert prepared.labels.shape == (len(frames), *SIZE)
    assert prepared.photos.dtype == prepared.labels.dtype == np.uint8
    assert (len(prepared), prepared.size, prepared.meta.native_size) == (len(frames), SIZE, (64, 128))
    assert prepared.meta.frames == tuple(frame.name for frame in frames)
    assert prepared.meta.cities == tuple(frame.city for frame in frames)
    for index, frame in enumerate(frames):
        photo, train_ids = directly(frame, SIZE)
        np.testing.assert_array_equal(prepared.photos[index], photo)
        np.testing.assert_array_equal(prepared.labels[index], train_ids)
    with pytest.raises(ValueError, match="read-only"):
        prepared.photos[0] = 0


def test_real_frames_equal_a_direct_computation(cityscapes_fullres, root):
    dataset = detect.open_folder(cityscapes_fullres)
    prepared = cache.prepare(dataset, "val", (64, 128), root=root)
    photo, train_ids = directly(dataset.frames("val")[0], (64, 128))
    np.testing.assert_array_equal(prepared.photos[0], photo)
    np.testing.assert_array_equal(prepared.labels[0], train_ids)
    assert prepared.meta.native_size == (1024, 2048)


def test_frames_are_decoded_once(streets, root):
    dataset = detect.open_folder(streets)
    calls: list[tuple[int, int]] = []
    assert not cache.is_prepared(dataset, "train", SIZE, root)
    first = cache.prepare(dataset, "train", SIZE, root=root, on_progress=lambda *counts: calls.append(counts))
    assert calls == [(done, 7) for done in range(1, 8)]
    assert cache.is_prepared(dataset, "train", SIZE, root)
    assert not cache.is_prepared(dataset, "train", (16, 32), root)
    calls.clear()
    again = cache.prepare(dataset, "train", SIZE, root=root, on_progress=lambda *counts: calls.append(counts))
    assert calls == []
    assert again.meta == first.meta
    np.testing.assert_array_equal(again.photos, first.photos)


def test_second_call_reads_no_image(copy, root):
    dataset = detect.open_folder(copy)
    first = cache.prepare(dataset, "val", SIZE, root=root)
    # Files of the same length and time hold nothing now; decoding any would fail.
    for frame in dataset.frames("val"):
        photo = frame.photo.path
        status = photo.stat()
        photo.write_bytes(bytes(status.st_size))
        os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    np.testing.assert_array_equal(cache.prepare(dataset, "val", SIZE, root=root).photos, first.photos)


def test_fingerprint_depends_on_the_labels_only(copy, root):
    dataset = detect.open_folder(copy)
    before = cache.prepare(dataset, "val", SIZE, root=root)
    assert cache.prepare(dataset, "val", (16, 32), root=root).meta.fingerprint == before.meta.fingerprint
    assert cache.prepare(dataset, "test", SIZE, root=root).meta.fingerprint != before.meta.fingerprint

    label = dataset.frames("val")[1].label.path
    ids = np.array(Image.open(label))
    Image.fromarray(ids).save(label, compress_level=0)
    packed_otherwise = cache.prepare(dataset, "val", SIZE, root=root)
    assert packed_otherwise.folder != before.folder
    assert packed_otherwise.meta.fingerprint == before.meta.fingerprint

    ids[63, 127] = 26 if ids[63, 127] != 26 else 7
    Image.fromarray(ids).save(label)
    assert cache.prepare(dataset, "val", SIZE, root=root).meta.fingerprint != before.meta.fingerprint


def test_changed_photo_is_decoded_again(copy, root):
    dataset = detect.open_folder(copy)
    before = np.array(cache.prepare(dataset, "val", SIZE, root=root).photos)
    Image.fromarray(np.zeros((64, 128, 3), np.uint8)).save(dataset.frames("val")[0].photo.path)
    after = cache.prepare(dataset, "val", SIZE, root=root).photos
    assert before[0].any()
    assert not after[0].any()
    np.testing.assert_array_equal(after[1], before[1])


def test_cache_of_an_older_reader_is_made_anew(copy, root, monkeypatch, caplog):
    dataset = detect.open_folder(copy)
    monkeypatch.setattr(cache._CacheName.of.__func__, "__defaults__", ("4",))
    old = cache.prepare(dataset, "val", SIZE, root=root).folder
    monkeypatch.undo()
    caplog.clear()
    new = cache.prepare(dataset, "val", SIZE, root=root).folder
    assert new != old
    assert [record.getMessage() for record in caplog.records] == [
        f"{old}: made by an older reader of photos; preparing anew, this folder can be deleted"
    ]
    caplog.clear()
    assert cache.prepare(dataset, "val", SIZE, root=root).folder == new
    assert not caplog.records


def test_damaged_cache_is_reported(streets, root):
    dataset = detect.open_folder(streets)
    folder = cache.prepare(dataset, "val", SIZE, root=root).folder
    (folder / "photos.npy").write_bytes(b"half")
    message = rf"^{folder}: expected a complete cache, found a damaged one \(.*\); delete it$"
    with pytest.raises(DataError, match=message):
        cache.prepare(dataset, "val", SIZE, root=root)


def test_cache_root_is_configurable(monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", "/elsewhere")
    assert str(cache.cache_root()) == "/elsewhere"
    monkeypatch.delenv("CITYSEG_CACHE")
    assert str(cache.cache_root()) == "data/cache"
