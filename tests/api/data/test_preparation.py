from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
import time

import pytest

from cityseg import api
from cityseg.api.data import preparation as module
from cityseg.data.layouts import detect
from cityseg.errors import DataError, Stopped, UsageError
from cityseg.jobs import record as recording
from cityseg.jobs.liveness import process_identity
from cityseg.jobs.record import JobStatus

SIZE = (32, 64)


@pytest.fixture
def root(workplace, monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))
    return workplace / "cache"


@pytest.fixture
def copy(streets, workplace):
    """A copy of the synthetic dataset that a test may change."""
    return shutil.copytree(streets, workplace / "copy")


def caches(root):
    return sorted(path.name for path in root.glob("[!.]*") if path.is_dir())


def test_progress_counts_frames_to_decode(streets, root):
    calls: list[tuple[int, int]] = []
    api.prepare(str(streets), SIZE, lambda *counts: calls.append(counts))
    assert calls == [(done, 10) for done in range(1, 11)]
    calls.clear()
    shutil.rmtree(next(root.glob("val-*")))
    shutil.rmtree(next(root.glob("test-*")))
    api.prepare(str(streets), SIZE, lambda *counts: calls.append(counts))
    assert calls == [(done, 3) for done in range(1, 4)]


def test_a_photo_of_two_splits_is_refused_and_its_train_copy_left_out(copy, root):
    dataset = detect.open_folder(copy)
    taken, evaluated = dataset.frames("train")[2], dataset.frames("val")[1]
    shutil.copy(evaluated.photo.path, taken.photo.path)
    refusal = (
        f"{taken.photo}: expected a photo of this split only, found the same bytes in val at {evaluated.photo}; "
        "remove one (the only problem in the train split); run `cityseg data verify` for a list, or leave such frames "
        "out with `cityseg data prepare --skip-bad`"
    )
    for _ in range(2):
        with pytest.raises(DataError) as refused:
            api.prepare(str(copy), SIZE)
        assert str(refused.value) == refusal
    prepared = api.prepare(str(copy), SIZE, skip_bad=True)
    assert prepared["train"].meta.skipped == (str(taken.photo),)
    assert len(prepared["train"]) == 6
    assert taken.name not in prepared["train"].meta.frames
    assert [len(prepared[split]) for split in ("val", "test")] == [2, 1]
    assert api.prepare(str(copy), SIZE)["train"].folder == prepared["train"].folder

    # The same photo twice in one split harms no score.
    shutil.copy(dataset.frames("train")[0].photo.path, taken.photo.path)
    assert len(api.prepare(str(copy), SIZE)["train"]) == 7


def test_split_without_usable_frames_is_an_error(copy, root):
    for frame in detect.open_folder(copy).frames("train"):
        frame.label.path.unlink()
    with pytest.raises(DataError, match=r"1 of 7 in train\); run `cityseg data verify`"):
        api.prepare(str(copy), SIZE)


def test_command_line_lists_skipped_frames(copy, root, cityseg, tiny):
    photo = detect.open_folder(copy).frames("train")[3].photo
    photo.path.write_bytes(b"no image")
    refused = cityseg("data", "prepare", "--data", copy, "--size", "32x64")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines()[-1] == (
        f"cityseg: {photo}: expected a photo (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF), found another kind of "
        "file"
    )
    failed = api.find_preparation(str(copy), SIZE)
    assert (failed.state, failed.error) == ("failed", refused.err.splitlines()[-1].removeprefix("cityseg: "))
    answer = cityseg("data", "prepare", "--data", copy, "--size", "32x64", "--skip-bad", "--json")
    document = json.loads(answer.out)
    assert {split: part["skipped"] for split, part in document.items()} == {
        "train": [str(photo)],
        "val": [],
        "test": [],
    }
    assert cityseg("data", "prepare", "--data", copy, "--size", "32x64").out.splitlines()[:2] == [
        f"train: 6 frames in {document['train']['folder']}",
        f"  left out: {photo}",
    ]
    assert api.find_preparation(str(copy), SIZE).state == "finished"

    run = api.train(tiny(epochs=1), str(copy)).run
    assert run.describe()["data"]["skipped"] == {"train": 1, "val": 0, "test": 0}


@pytest.mark.slow
def test_preparation_process_can_be_followed_stopped_and_found_dead(streets, root, wait_until):
    assert api.find_preparation(str(streets)) is None
    api.stop_preparation(str(streets))
    inside, let_go = threading.Event(), threading.Event()

    def hold(done: int, total: int) -> None:
        inside.set()
        assert let_go.wait(240)

    def state() -> JobStatus | None:
        return api.find_preparation(str(streets))

    def pid() -> int:
        return json.loads(next(root.glob("preparation-128x256-*.json")).read_text())["pid"]

    # While this thread is at the first cache, a process at the same work runs and waits.
    holder = threading.Thread(target=api.prepare, args=(str(streets), (128, 256), hold))
    holder.start()
    assert inside.wait(60)
    assert api.start_preparation(str(streets)) == JobStatus("running", 0, 0, None, None)
    started = pid()
    assert started != os.getpid()
    assert os.getsid(started) == started  # it leads a session of its own, so no terminal takes it along
    assert api.start_preparation(str(streets)).state == "running"
    assert pid() == started
    log = next(root.glob("preparation-128x256-*.log"))
    wait_until(lambda: "another process or thread is preparing this cache" in log.read_text())
    api.stop_preparation(str(streets))
    wait_until(lambda: state().state != "running")
    assert state() == JobStatus("stopped", 0, 0, None, None)
    wait_until(lambda: process_identity(started) is None)
    assert "stopped by SIGTERM before it was prepared; finished splits are kept" in log.read_text()

    api.start_preparation(str(streets))
    os.kill(pid(), signal.SIGKILL)
    wait_until(lambda: state().state != "running")
    assert state().state == "failed"
    assert state().error == (
        f"{log}: expected a finished preparation, found its process ended without a result; start it again"
    )
    let_go.set()
    holder.join()
    api.prepare_recorded(str(streets))
    assert state().state == "finished"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_no_unfinished_folder(streets, root, number):
    calls: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))
        if done == 3:
            signal.raise_signal(number)

    with pytest.raises(Stopped) as stopped:
        api.prepare_recorded(str(streets), SIZE, progress)
    assert str(stopped.value) == f"{streets}: stopped by {number.name} before it was prepared; finished splits are kept"
    assert calls == [(1, 10), (2, 10), (3, 10)]
    assert caches(root) == []
    preparation = api.find_preparation(str(streets), SIZE)
    assert (preparation.state, preparation.total, preparation.error) == ("stopped", 10, None)


def test_time_left_follows_the_pace(streets, root, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(recording.time, "monotonic", lambda: now[0])
    record = module._record(str(streets), SIZE)
    seen = []
    with record.recorded(str):
        for done in range(1, 11):
            record.note("", done, 10)
            seen.append(record.read())
            now[0] += 2.0
    assert [preparation.seconds_left for preparation in seen] == [
        None,
        None,
        None,
        *(2.0 * left for left in range(6, -1, -1)),
    ]
    assert [(preparation.done, preparation.total) for preparation in seen] == [(done, 10) for done in range(1, 11)]


def test_record_of_another_machine_counts_while_its_heartbeat_is_fresh(streets, root, monkeypatch):
    record = module._record(str(streets), SIZE)
    root.mkdir()
    record.begin(os.getpid())
    record.update(host=f"not-{socket.gethostname()}", process_start=1.0)
    assert record.read().state == "running"
    api.stop_preparation(str(streets), SIZE)  # not from here, and this process lives on
    later = time.time() + 1000
    monkeypatch.setattr(recording.time, "time", lambda: later)
    assert record.read().state == "failed"


def test_wrong_data_is_refused_before_the_process_starts(root):
    with pytest.raises(UsageError, match="found no such folder"):
        api.start_preparation("nowhere")
    assert api.find_preparation("nowhere") is None


def test_unwritable_cache_folder_is_an_error(streets, root):
    root.write_text("")
    with pytest.raises(DataError) as refused:
        api.start_preparation(str(streets), SIZE)
    assert str(refused.value) == (
        f"{root}: expected a writable folder for the cache, found Not a directory; choose another place with "
        "CITYSEG_CACHE or free some space"
    )
