from __future__ import annotations

import errno
import json
import socket
import subprocess
import sys

import filelock
import pytest

from cityseg import api, runs
from cityseg.errors import TrainingError, UsageError
from cityseg.jobs import launcher, queue
from cityseg.jobs.liveness import process_identity


def test_a_process_that_died_frees_its_slot(line, launches):
    first, _ = line("a", "b")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = {"pid": process.pid, "process_start": process_identity(process.pid)}
    first.write_status(**identity)
    assert queue.read().starting == ("a",)
    first.write_status(state="running", launched=None, host=socket.gethostname(), **identity)
    queue.advance()
    assert "b" not in launches
    process.kill()
    process.wait()
    queue.advance()
    assert first.status()["state"] == "failed"
    assert "b" in launches


def test_a_launched_process_that_died_before_its_run_began_is_failed_at_once(line):
    (run,) = line("a")
    process = subprocess.Popen([sys.executable, "-c", ""])
    identity = process_identity(process.pid)
    process.wait()
    run.write_status(pid=process.pid, process_start=identity)
    assert run.status()["state"] == "failed"
    assert run.status()["error"] == "the training process never started; see log.txt"
    run.write_status(process_start=None)  # it was gone before it could be asked for
    assert run.status()["state"] == "failed"


def test_a_process_that_cannot_be_started_fails_its_run_and_not_the_queue(tiny, workplace, monkeypatch):
    (workplace / "gone").mkdir()
    monkeypatch.chdir(workplace / "gone")
    run = runs.create_run(tiny(), "a")
    (workplace / "gone").rmdir()
    monkeypatch.setattr(launcher, "origin", lambda: {"folder": str(workplace / "gone"), "environment": {}})
    monkeypatch.chdir(workplace)
    queue.enqueue([run])
    assert run.status()["error"] == (
        f"a: expected to start its process, found No such file or directory ({workplace / 'gone'}); resume it"
    )
    assert queue.read() == queue.Queue(slots=1, running=(), starting=(), waiting=())


def test_a_training_that_fails_lets_the_queue_go_on(tiny, workplace, line, launches, end):
    line("a", "b")
    end("a")
    launches.clear()
    with pytest.raises(UsageError, match="expected a folder with leftImg8bit/ and gtFine/"):
        api.train(None, "nowhere", resume=runs.create_run(tiny(), "bad").id)
    assert runs.find_run("bad").status()["state"] == "failed"
    assert launches == ["b"]


def test_a_damaged_or_missing_order_loses_nothing(line, workplace):
    line("a")
    line("b")
    line("c")
    for text in ("{", "[]", '{"slots": "two"}', '{"slots": 1, "order": ["c", "x", "c", "a"]}'):
        (workplace / "runs" / "queue.json").write_text(text)
        assert set(queue.read().waiting) == {"b", "c"}
    assert queue.read().waiting == ("c", "b")
    (workplace / "runs" / "queue.json").unlink()
    assert queue.read().waiting == ("b", "c"), "who came first is first"


def test_a_damaged_run_does_not_block_others(line, launches):
    broken, _ = line("a", "b")
    (broken.folder / "status.json").write_text("{")
    queue.advance()
    assert "b" in launches


def test_a_locked_queue_is_named_in_the_error(line, workplace, monkeypatch):
    monkeypatch.setattr(queue, "_LOCK_SECONDS", 0.05)
    with filelock.FileLock(workplace / "runs" / "queue.lock"), pytest.raises(TrainingError) as refused:
        queue.set_slots(2)
    assert str(refused.value) == (
        f"{workplace / 'runs' / 'queue.lock'}: expected the queue to be unlocked within 0.05 seconds, found another "
        "process using it; try again"
    )


def test_a_waiting_run_without_origin_fails_and_the_next_one_starts(line, launches, end):
    _, second, _ = line("a", "b", "c")
    stored = json.loads((second.folder / "status.json").read_text())
    del stored["origin"]
    (second.folder / "status.json").write_text(json.dumps(stored))
    end("a")
    queue.advance()
    assert second.status()["state"] == "failed"
    assert second.status()["error"] == (
        "b: expected the folder and the settings it was queued with, found none in its status.json; resume it"
    )
    queue.advance()
    assert [name for name in launches if name != "watcher"] == ["a", "c"]
    assert queue.read().starting == ("c",)


@pytest.mark.parametrize("text", ["{", "[]", '{"slots": true, "order": []}', '{"slots": 1, "order": [[]]}', "\0"])
def test_a_damaged_order_counts_as_none_and_is_reported(line, workplace, caplog, text):
    line("a", "b", "c")
    (workplace / "runs" / "queue.json").write_text(text)
    assert queue.read() == queue.Queue(slots=1, running=(), starting=("a",), waiting=("b", "c"))
    assert "queue.json is damaged" in caplog.text
    queue.set_slots(2)
    assert queue.read().slots == 2


def test_a_full_disk_is_one_sentence(line, workplace, monkeypatch):
    line("a", "b")

    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(queue, "write_json", full)
    with pytest.raises(UsageError) as refused:
        queue.set_slots(2)
    path = workplace / "runs" / "queue.json"
    assert str(refused.value) == (
        f"{path}: expected a folder of runs to write to, found No space left on device; change that or choose another "
        "with CITYSEG_RUNS"
    )


@pytest.mark.parametrize("damage", ["{}", "{", "", '{"state": 3}'])
def test_a_run_with_a_damaged_status_changes_no_other_run_and_can_be_deleted(line, launches, damage, end):
    first, second, _ = line("a", "b", "c")
    (second.folder / "status.json").write_text(damage)
    end("a")
    queue.advance()
    assert queue.read().starting == ("c",)
    queue.claim(runs.find_run("c"))
    api.delete("b")
    assert not second.folder.exists()
    assert first.status()["state"] == "finished"
