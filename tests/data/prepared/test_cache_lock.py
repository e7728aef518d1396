"""Preparations that run at once, fail or are killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time

import filelock
import numpy as np
import pytest
from PIL import Image

from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.errors import DataError

from .conftest import SIZE, caches


def test_failure_names_the_file_and_leaves_no_folder(copy, root):
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


def test_raising_callback_leaves_no_folder(streets, root):
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
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
sys.stdin.readline()
print(cache.prepare(detect.open_folder(Path(sys.argv[1])), "train", (32, 64), root=Path(sys.argv[2])).folder)
"""


def test_concurrent_processes_share_one_cache(streets, root, workplace):
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


def test_second_thread_waits_with_a_log_message(streets, root, caplog):
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


def test_unfinished_folders_of_dead_processes_are_removed(streets, root):
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
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
def progress(done, total):
    print(done, flush=True)
cache.prepare(detect.open_folder(Path(sys.argv[1])), "train", (256, 512), root=Path(sys.argv[2]), on_progress=progress)
"""


@pytest.mark.slow
def test_killed_preparation_is_completed_by_the_next_call(streets, root, workplace, tmp_path):
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
