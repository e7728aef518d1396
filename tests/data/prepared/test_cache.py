from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import filelock
import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official
from PIL import Image

from cityseg.data.dataset import Frame
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache, cache_lock
from cityseg.errors import DataError

SIZE = (32, 64)


@pytest.fixture
def copy(streets, tmp_path):
    """A copy of the drawn set that a test may change."""
    return shutil.copytree(streets, tmp_path / "copy")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


def caches(root):
    """What lies in the folder of the caches, finished or not."""
    return sorted(path.name for path in root.glob("[!.]*"))


def block_means(photo, size):
    """The mean of each block of pixels, halves rounded up."""
    rows, columns = photo.shape[0] // size[0], photo.shape[1] // size[1]
    sums = photo.reshape(size[0], rows, size[1], columns, 3).sum(axis=(1, 3), dtype=np.int64)
    return (2 * sums + rows * columns) // (2 * rows * columns)


def directly(frame: Frame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Photo and train ids by PIL and the official table alone."""
    table = np.full(256, 255, np.uint8)
    for label in official:
        if not label.ignoreInEval:
            table[label.id] = label.trainId
    with Image.open(frame.photo.path) as photo, Image.open(frame.label.path) as label:
        train_ids = Image.fromarray(table[np.asarray(label)])
        return (
            block_means(np.asarray(photo), size),
            np.asarray(train_ids.resize(size[::-1], Image.Resampling.NEAREST)),
        )


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


def test_a_second_call_reads_no_image(copy, root):
    dataset = detect.open_folder(copy)
    first = cache.prepare(dataset, "val", SIZE, root=root)
    # Files of the same length and time hold nothing now; decoding any would fail.
    for frame in dataset.frames("val"):
        photo = frame.photo.path
        status = photo.stat()
        photo.write_bytes(bytes(status.st_size))
        os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    np.testing.assert_array_equal(cache.prepare(dataset, "val", SIZE, root=root).photos, first.photos)


def test_the_fingerprint_is_that_of_the_truth(copy, root):
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


def test_a_changed_photo_is_decoded_again(copy, root):
    dataset = detect.open_folder(copy)
    before = np.array(cache.prepare(dataset, "val", SIZE, root=root).photos)
    Image.fromarray(np.zeros((64, 128, 3), np.uint8)).save(dataset.frames("val")[0].photo.path)
    after = cache.prepare(dataset, "val", SIZE, root=root).photos
    assert before[0].any()
    assert not after[0].any()
    np.testing.assert_array_equal(after[1], before[1])


def test_a_failure_names_the_file_and_leaves_no_folder(copy, root):
    dataset = detect.open_folder(copy)
    label = dataset.frames("train")[4].label.path
    Image.fromarray(np.full((64, 128), 77, np.uint8)).save(label)
    with pytest.raises(DataError) as refused:
        cache.prepare(dataset, "train", SIZE, root=root)
    assert str(refused.value) == (
        f"{label}: expected label ids 0 to 33, found 77; use the *_gtFine_labelIds.png files, not train ids or colours"
    )
    assert caches(root) == []
    assert not cache.is_prepared(dataset, "train", SIZE, root)


def test_a_callback_that_raises_leaves_no_folder(streets, root):
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    dataset = detect.open_folder(streets)
    with pytest.raises(KeyboardInterrupt):
        cache.prepare(dataset, "train", SIZE, root=root, on_progress=stop)
    assert caches(root) == []


_PREPARE = """
import sys
from pathlib import Path
from cityseg.data.dataset import Frame
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
sys.stdin.readline()
print(cache.prepare(detect.open_folder(Path(sys.argv[1])), "train", (32, 64), root=Path(sys.argv[2])).folder)
"""


def test_two_processes_at_once_give_one_cache(streets, root, workplace):
    alone = cache.prepare(detect.open_folder(streets), "train", SIZE, root=workplace / "alone")
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
    assert caches(root) == [alone.folder.name]
    for name in ("photos.npy", "labels.npy", "meta.json"):
        assert (root / alone.folder.name / name).read_bytes() == (alone.folder / name).read_bytes()


def test_a_second_thread_waits_for_the_first_one_and_says_so(streets, root, caplog):
    """The app serves each visitor from a thread of one process."""
    dataset = detect.open_folder(streets)
    first_is_inside, second_has_waited = threading.Event(), threading.Event()
    results: list[cache.CachedSplit] = []
    decoded: list[str] = []

    def visit(name: str, on_first_frame) -> None:
        def progress(done: int, total: int) -> None:
            decoded.append(name)
            if done == 1:
                on_first_frame()

        results.append(cache.prepare(dataset, "train", SIZE, root=root, on_progress=progress))

    def hold() -> None:
        first_is_inside.set()
        assert second_has_waited.wait(30)

    threads = [threading.Thread(target=visit, args=("first", hold))]
    threads[0].start()
    assert first_is_inside.wait(30)
    threads.append(threading.Thread(target=visit, args=("second", lambda: None)))
    threads[1].start()
    while not caplog.messages:
        assert threads[1].is_alive()
    second_has_waited.set()
    for thread in threads:
        thread.join()
    assert decoded == ["first"] * 7
    assert caplog.messages == [
        f"{results[0].folder}: another process or thread is preparing this cache; waiting for its result"
    ]
    assert [result.folder for result in results] == [results[0].folder] * 2
    np.testing.assert_array_equal(results[0].photos, results[1].photos)


def test_what_a_dead_process_left_is_removed_and_a_living_one_keeps_its_own(streets, root):
    dataset = detect.open_folder(streets)
    locks = root / ".locks"
    locks.mkdir(parents=True)
    for name in ("val-8x8-dead", "val-8x8-living"):
        (root / f"{name}.part").mkdir()
        (root / f"{name}.part" / "photos.npy").write_bytes(b"half")
    with filelock.FileLock(locks / "val-8x8-living"):
        prepared = cache.prepare(dataset, "val", SIZE, root=root)
    assert caches(root) == [prepared.folder.name, "val-8x8-living.part"]


_UNTIL = """
import os, signal, sys
from pathlib import Path
from cityseg.data.dataset import Frame
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
def progress(done, total):
    print(done, flush=True)
cache.prepare(detect.open_folder(Path(sys.argv[1])), "train", (256, 512), root=Path(sys.argv[2]), on_progress=progress)
"""


@pytest.mark.slow
def test_killed_at_ten_moments_the_next_call_completes(streets, root, workplace, tmp_path):
    """Every process is killed with SIGKILL: while frames are decoded, while files are finished, or just after."""
    wanted = cache.prepare(detect.open_folder(streets), "train", (256, 512), root=tmp_path / "alone")
    random = np.random.default_rng(4)
    seen_unfinished = 0
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", _UNTIL, streets, root], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            for _ in range(random.integers(0, 8)):
                process.stdout.readline()
            time.sleep(random.uniform(0, 0.02))
            process.kill()
        seen_unfinished += bool([*root.glob("*.part")])
        assert all((root / name / "meta.json").is_file() for name in caches(root) if not name.endswith(".part"))
        prepared = cache.prepare(detect.open_folder(streets), "train", (256, 512), root=root)
        assert caches(root) == [wanted.folder.name]
        for name in ("photos.npy", "labels.npy", "meta.json"):
            assert (prepared.folder / name).read_bytes() == (wanted.folder / name).read_bytes()
        shutil.rmtree(prepared.folder)
    assert seen_unfinished  # or no kill came early enough to prove anything


def test_too_little_room_is_told_before_anything_is_decoded(streets, root, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, used=0, free=1_100_000))
    with pytest.raises(DataError) as refused:
        cache.prepare(detect.open_folder(streets), "train", SIZE, root=root, on_progress=pytest.fail)
    # 7 frames of 32 x 64 pixels and 4 bytes, and 1 MiB for what else is written: 1,105,920 bytes
    assert str(refused.value) == (
        f"{root}: expected 1.2 MB free for the cache, found 1.1 MB; choose another place with CITYSEG_CACHE or free "
        "some space"
    )
    assert caches(root) == []


_LIMITED = """
import resource, sys
from pathlib import Path
from cityseg.data.dataset import Frame
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.errors import DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    cache.prepare(detect.open_folder(Path(sys.argv[1])), "train", (64, 128), root=Path(sys.argv[2]))
except DataError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_is_a_sentence(streets, root, workplace):
    answer = subprocess.run([sys.executable, "-c", _LIMITED, streets, root], capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == (
        f"{root}: expected a writable folder for the cache, found the disk full; choose another place with "
        "CITYSEG_CACHE or free some space\n"
    )
    assert caches(root) == []


@pytest.mark.parametrize("reserving", [True, False])
def test_a_full_disk_is_a_sentence(streets, root, monkeypatch, reserving):
    """A real file system of 5 MB, once with room promised first and once where pages run out while rows are written."""
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "none", root], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small file system: {mounted.stderr.strip()}")
    try:
        monkeypatch.setattr(cache_lock.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
        if not reserving:
            monkeypatch.delattr(os, "posix_fallocate")
        with pytest.raises(DataError) as refused:
            cache.prepare(detect.open_folder(streets), "train", (512, 1024), root=root)
        assert str(refused.value) == (
            f"{root}: expected a writable folder for the cache, found the disk full; choose another place with "
            "CITYSEG_CACHE or free some space"
        )
        assert caches(root) == []
    finally:
        subprocess.run(["umount", root], check=True)


def test_a_place_that_is_no_folder(streets, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as refused:
        cache.prepare(detect.open_folder(streets), "train", SIZE, root=tmp_path / "file" / "cache")
    assert str(refused.value) == (
        f"{tmp_path / 'file' / 'cache'}: expected a writable folder for the cache, found Not a directory; choose "
        "another place with CITYSEG_CACHE or free some space"
    )


def test_a_torn_cache_is_a_sentence(streets, root):
    dataset = detect.open_folder(streets)
    folder = cache.prepare(dataset, "val", SIZE, root=root).folder
    (folder / "photos.npy").write_bytes(b"half")
    message = rf"^{folder}: expected a complete cache, found a damaged one \(.*\); delete it$"
    with pytest.raises(DataError, match=message):
        cache.prepare(dataset, "val", SIZE, root=root)


def test_bad_frames_are_left_out_when_asked(copy, root):
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
    with pytest.raises(DataError, match="found a file that is not an image"):
        cache.prepare(dataset, "train", SIZE, root=root)


def test_what_the_listing_refuses_is_counted_and_can_be_left_out(copy, root):
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


def test_a_split_without_a_usable_frame(copy, root):
    dataset = detect.open_folder(copy)
    for frame in dataset.frames("val"):
        frame.photo.path.write_bytes(b"no image")
    with pytest.raises(DataError) as refused:
        cache.prepare(dataset, "val", SIZE, root=root, skip_bad=True)
    assert str(refused.value) == (
        f"{copy}: expected usable frames in the val split, found none among 2; run `cityseg data verify`"
    )
    assert caches(root) == []


def test_where_caches_lie(monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", "/elsewhere")
    assert str(cache.cache_root()) == "/elsewhere"
    monkeypatch.delenv("CITYSEG_CACHE")
    assert str(cache.cache_root()) == "data/cache"
