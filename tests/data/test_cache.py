from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official
from PIL import Image

from cityseg.data import cache, layout
from cityseg.errors import DataError

SIZE = (32, 64)


@pytest.fixture
def copy(streets, tmp_path):
    """A copy of the drawn set that a test may change."""
    return shutil.copytree(streets, tmp_path / "copy")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


def directly(frame: layout.Frame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Photo and train ids by PIL and the official table alone."""
    table = np.full(256, 255, np.uint8)
    for label in official:
        if not label.ignoreInEval:
            table[label.id] = label.trainId
    with Image.open(frame.photo) as photo, Image.open(frame.label) as label:
        train_ids = Image.fromarray(table[np.asarray(label)])
        return (
            np.asarray(photo.resize(size[::-1], Image.Resampling.BOX)),
            np.asarray(train_ids.resize(size[::-1], Image.Resampling.NEAREST)),
        )


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_arrays_equal_a_direct_computation(streets, root, split):
    dataset = layout.open_folder(streets)
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
    dataset = layout.open_folder(cityscapes_fullres)
    prepared = cache.prepare(dataset, "val", (64, 128), root=root)
    photo, train_ids = directly(dataset.frames("val")[0], (64, 128))
    np.testing.assert_array_equal(prepared.photos[0], photo)
    np.testing.assert_array_equal(prepared.labels[0], train_ids)
    assert prepared.meta.native_size == (1024, 2048)


def test_frames_are_decoded_once(streets, root):
    dataset = layout.open_folder(streets)
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


def test_a_second_call_reads_no_image(copy, root):
    dataset = layout.open_folder(copy)
    first = cache.prepare(dataset, "val", SIZE, root=root)
    # Files of the same length and time hold nothing now; decoding any would fail.
    for frame in dataset.frames("val"):
        status = frame.photo.stat()
        frame.photo.write_bytes(bytes(status.st_size))
        cache.os.utime(frame.photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    np.testing.assert_array_equal(cache.prepare(dataset, "val", SIZE, root=root).photos, first.photos)


def test_the_fingerprint_is_that_of_the_truth(copy, root):
    dataset = layout.open_folder(copy)
    before = cache.prepare(dataset, "val", SIZE, root=root)
    assert cache.prepare(dataset, "val", (16, 32), root=root).meta.fingerprint == before.meta.fingerprint
    assert cache.prepare(dataset, "test", SIZE, root=root).meta.fingerprint != before.meta.fingerprint

    label = dataset.frames("val")[1].label
    ids = np.array(Image.open(label))
    Image.fromarray(ids).save(label, compress_level=0)
    packed_otherwise = cache.prepare(dataset, "val", SIZE, root=root)
    assert packed_otherwise.folder != before.folder
    assert packed_otherwise.meta.fingerprint == before.meta.fingerprint

    ids[63, 127] = 26 if ids[63, 127] != 26 else 7
    Image.fromarray(ids).save(label)
    assert cache.prepare(dataset, "val", SIZE, root=root).meta.fingerprint != before.meta.fingerprint


def test_a_changed_photo_is_decoded_again(copy, root):
    dataset = layout.open_folder(copy)
    before = np.array(cache.prepare(dataset, "val", SIZE, root=root).photos)
    Image.fromarray(np.zeros((64, 128, 3), np.uint8)).save(dataset.frames("val")[0].photo)
    after = cache.prepare(dataset, "val", SIZE, root=root).photos
    assert before[0].any()
    assert not after[0].any()
    np.testing.assert_array_equal(after[1], before[1])


def test_a_failure_names_the_file_and_leaves_no_folder(copy, root):
    dataset = layout.open_folder(copy)
    label = dataset.frames("train")[4].label
    Image.fromarray(np.full((64, 128), 77, np.uint8)).save(label)
    with pytest.raises(DataError) as refused:
        cache.prepare(dataset, "train", SIZE, root=root)
    assert str(refused.value) == (
        f"{label}: expected label ids 0 to 33, found 77; use the *_gtFine_labelIds.png files, not train ids or colours"
    )
    assert list(root.iterdir()) == []
    assert not cache.is_prepared(dataset, "train", SIZE, root)


def test_a_callback_that_raises_leaves_no_folder(streets, root):
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    dataset = layout.open_folder(streets)
    with pytest.raises(KeyboardInterrupt):
        cache.prepare(dataset, "train", SIZE, root=root, on_progress=stop)
    assert list(root.iterdir()) == []


_PREPARE = """
import sys
from pathlib import Path
from cityseg.data import cache, layout
sys.stdin.readline()
print(cache.prepare(layout.open_folder(Path(sys.argv[1])), "train", (32, 64), root=Path(sys.argv[2])).folder)
"""


def test_two_processes_at_once_give_one_cache(streets, root, workplace):
    alone = cache.prepare(layout.open_folder(streets), "train", SIZE, root=workplace / "alone")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PREPARE, streets, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert [out.strip() for out, _ in answers] == [str(root / alone.folder.name)] * 2
    assert [path.name for path in root.iterdir()] == [alone.folder.name]
    for name in ("photos.npy", "labels.npy", "meta.json"):
        assert (root / alone.folder.name / name).read_bytes() == (alone.folder / name).read_bytes()


def test_two_threads_at_once_give_one_cache(streets, root):
    """The app serves each visitor from a thread of one process."""
    dataset = layout.open_folder(streets)
    inside = threading.Barrier(2)
    results: list[cache.CachedSplit] = []

    def visit() -> None:
        meet = iter([inside.wait])

        def progress(done: int, total: int) -> None:
            for wait in meet:  # at the first frame, so that both write at once
                wait(timeout=30)

        results.append(cache.prepare(dataset, "train", SIZE, root=root, on_progress=progress))

    threads = [threading.Thread(target=visit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert len(list(root.iterdir())) == 1
    np.testing.assert_array_equal(results[0].photos, results[1].photos)


def test_where_caches_lie(monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", "/elsewhere")
    assert str(cache.cache_root()) == "/elsewhere"
    monkeypatch.delenv("CITYSEG_CACHE")
    assert str(cache.cache_root()) == "data/cache"
