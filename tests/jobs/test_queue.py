from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import filelock
import pytest

from cityseg import api, runs
from cityseg.errors import TrainingError, UsageError
from cityseg.jobs import launcher, queue
from cityseg.jobs.heartbeat import beating
from cityseg.jobs.liveness import process_identity


@pytest.fixture
def line(tiny, workplace, launches):
    """Put runs of these names in line, without starting a process."""

    def put(*names: str) -> list[runs.Run]:
        made = [runs.create_run(tiny(), name) for name in names]
        queue.enqueue(made)
        return made

    return put


def end(name: str, state: str = "finished") -> None:
    runs.find_run(name).write_status(state=state, launched=None)


def test_runs_start_in_order_as_slots_become_free(line, launches):
    first, *_ = line("a", "b", "c")
    assert launches == ["a", "watcher"]
    assert queue.read() == queue.Queue(slots=1, running=(), starting=("a",), waiting=("b", "c"))
    queue.claim(first)
    assert queue.read() == queue.Queue(slots=1, running=("a",), starting=(), waiting=("b", "c"))
    queue.advance()
    assert launches == ["a", "watcher", "watcher"]  # no watcher runs, so another one is started
    end("a")
    queue.advance()
    assert launches[-2:] == ["b", "watcher"]
    end("b", "failed")
    queue.advance()
    assert launches[-1] == "c"
    end("c", "stopped")
    queue.advance()
    assert launches[-1] == "c"
    assert queue.read() == queue.Queue(slots=1, running=(), starting=(), waiting=())


def test_slots_are_set_and_kept(line, launches):
    line("a", "b", "c", "d")
    queue.set_slots(3)
    assert [name for name in launches if name != "watcher"] == ["a", "b", "c"]
    queue.set_slots(1)
    assert queue.read().free == 0
    assert queue.read().waiting == ("d",)
    for name in ("a", "b"):
        end(name)
    queue.advance()
    assert queue.read().waiting == ("d",), "one of the three still goes on"
    for wrong in (0, 65):
        with pytest.raises(UsageError) as refused:
            queue.set_slots(wrong)
        assert str(refused.value) == f"expected 1 to 64 slots, found {wrong}"


def test_the_order_can_be_changed(line):
    line("a", "b", "c", "d")
    queue.move("d", 1)
    assert queue.read().waiting == ("d", "b", "c")
    queue.move("d", 3)
    assert queue.read().waiting == ("b", "c", "d")
    with pytest.raises(UsageError) as refused:
        queue.move("b", 4)
    assert str(refused.value) == "expected a position from 1 to 3, found 4"
    with pytest.raises(UsageError) as refused:
        queue.move("a", 1)
    assert str(refused.value) == (
        "a: expected a run that waits in the queue, found it started and about to run; stop it once it is running"
    )
    with pytest.raises(UsageError, match="unknown run 'x'"):
        queue.move("x", 1)


def test_withdrawn_runs_are_stopped_and_can_come_back(line):
    line("a", "b", "c")
    queue.withdraw(["b"])
    assert runs.find_run("b").status()["state"] == "stopped"
    assert queue.read().waiting == ("c",)
    with pytest.raises(UsageError) as refused:
        queue.withdraw(["c", "b"])
    assert str(refused.value) == "b: expected a run that waits in the queue, found it stopped"
    assert queue.read().waiting == ("c",), "all of them or none"
    api.resume("b")
    assert queue.read().waiting == ("c", "b")
    with pytest.raises(UsageError) as refused:
        api.resume("b")
    assert str(refused.value) == "b: expected a stopped or failed run, found it queued"
    queue.claim(runs.find_run("a"))
    with pytest.raises(UsageError) as refused:
        queue.withdraw(["a"])
    assert str(refused.value) == "a: expected a run that waits in the queue, found it running; stop it instead"


def test_a_waiting_run_is_deleted_but_one_that_begins_is_not(line):
    begun, waiting = line("a", "b")
    api.delete("b")
    assert not waiting.folder.exists()
    assert queue.read().waiting == ()
    with pytest.raises(UsageError) as refused:
        api.delete("a")
    assert str(refused.value) == "a: expected a run that has ended, found it starting; stop it once it is running"
    assert begun.folder.exists()


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


def test_run_starts_with_the_folder_and_settings_of_its_enqueuer(tiny, workplace, monkeypatch):
    heard = {}
    monkeypatch.setattr(launcher, "start_detached", lambda arguments, log, **more: heard.update(more) or os.getpid())
    monkeypatch.setenv("CITYSEG_CACHE", "here")
    runs.create_run(tiny(), "busy").write_status(state="running", **me())
    queue.enqueue([runs.create_run(tiny(), "a")])
    monkeypatch.setenv("CITYSEG_CACHE", "there")
    monkeypatch.setenv("CITYSEG_DATA", "elsewhere")
    monkeypatch.setenv("LANGUAGE", "eo")
    monkeypatch.chdir("/")
    end("busy")
    queue.advance()
    assert heard["folder"] == str(workplace)
    assert heard["environment"]["CITYSEG_CACHE"] == "here"
    assert heard["environment"]["CITYSEG_DATA"] != "elsewhere"
    assert heard["environment"]["LANGUAGE"] == "eo"


def test_the_dataset_is_settled_when_a_run_is_put_in_line(tiny, workplace, launches, streets):
    assert runs.find_run(api.launch(tiny())).describe()["data"]["spec"] == str(streets)


def me() -> dict[str, object]:
    return {"pid": os.getpid(), "process_start": process_identity(os.getpid()), "host": socket.gethostname()}


def test_a_training_in_a_terminal_is_not_held_back_and_lets_the_queue_go_on(tiny, workplace, line, launches, streets):
    line("a", "b")
    launches.clear()

    def look(run: runs.Run) -> None:
        assert queue.read() == queue.Queue(slots=1, running=("here",), starting=("a",), waiting=("b",))
        end("a")
        queue.advance()
        assert "b" not in launches, "the terminal's run takes the slot"

    assert api.train(tiny(epochs=1, half_size_epochs=0), str(streets), name="here", on_start=look).state == "finished"
    assert "b" in launches


def test_a_training_that_fails_lets_the_queue_go_on(tiny, workplace, line, launches):
    line("a", "b")
    end("a")
    launches.clear()
    with pytest.raises(UsageError, match="expected a folder with leftImg8bit/ and gtFine/"):
        api.train(None, "nowhere", resume=runs.create_run(tiny(), "bad").id)
    assert runs.find_run("bad").status()["state"] == "failed"
    assert launches == ["b"]


def test_a_run_of_the_queue_can_be_trained_right_here(workplace, line, launches, streets):
    line("a", "b")
    assert api.train(None, str(streets), resume="b").state == "finished"
    assert queue.read().waiting == ()
    assert "b" not in launches


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


_RACE = """
import sys, os
from cityseg.jobs import launcher, queue
def start(arguments, log, *, module="cityseg", **_):
    with open("started.txt", "a") as file:
        file.write((module if module != "cityseg" else arguments[2]) + "\\n")
    return int(sys.argv[1])
launcher.start_detached = start
print("ready", flush=True)
input()
for _ in range(30):
    queue.advance()
"""


def test_many_processes_that_advance_at_once_start_every_run_once(tiny, workplace, launches):
    queue.set_slots(4)
    runs.create_run(tiny(), "busy").write_status(state="running", **me())
    names = [f"r{number}" for number in range(6)]
    made = [runs.create_run(tiny(), name) for name in names]
    fields = {"enqueued": time.time(), "origin": launcher.origin()}
    for run in made:
        run.write_status(**fields)
    command = [sys.executable, "-c", _RACE, str(os.getpid())]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    for racer in racers:
        racer.stdout.readline()
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    threads = [threading.Thread(target=queue.advance) for _ in range(4)]  # tabs of the app
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for racer in racers:
        _, complaints = racer.communicate(timeout=60)
        assert racer.returncode == 0, complaints
    text = (workplace / "started.txt").read_text() if (workplace / "started.txt").exists() else ""
    started = [name for name in (*text.splitlines(), *launches) if "watcher" not in name]
    assert sorted(started) == names[:3]
    assert set(queue.read().starting) == set(names[:3])
    assert queue.read().waiting == tuple(names[3:])


def test_watcher_runs_until_the_queue_is_empty(line, launches, workplace, wait_until):
    line("a", "b", "c")
    root = workplace / "runs"
    watcher = threading.Thread(target=queue.watch, args=(root, 0.02))
    watcher.start()
    wait_until(lambda: _is_locked(root / "keeper.lock"), 20)
    launches.clear()
    queue.advance()
    assert launches == [], "one watcher is enough"
    queue.watch(root, 0.02)  # a second one leaves at once
    end("a")
    wait_until(lambda: "b" in launches, 20)
    end("b")
    watcher.join(20)
    assert not watcher.is_alive()
    assert launches == ["b", "c"]


def _is_locked(path) -> bool:
    try:
        # Under the queue's own lock, or a starting watcher would take this lock for another watcher's and exit.
        with queue._locked(path.parent), filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True


def test_the_watcher_leaves_with_the_folder_of_runs(line, workplace):
    line("a", "b")
    watcher = threading.Thread(target=queue.watch, args=(workplace / "runs", 0.02))
    watcher.start()
    (workplace / "runs").rename(workplace / "gone")  # in one step: the watcher writes into it until then
    watcher.join(20)
    assert not watcher.is_alive()


def test_next_run_starts_after_a_killed_training_without_an_open_page(tiny, workplace, wait_until):
    api.launch(tiny(epochs=300), name="long")  # ends after a minute if it is not killed
    api.launch(tiny(epochs=1, half_size_epochs=0), name="next")
    long, following = runs.find_run("long"), runs.find_run("next")
    try:
        assert queue.read().waiting == ("next",)
        wait_until(lambda: long.status()["state"] == "running" and long.status().get("progress"))
        os.kill(long.status()["pid"], signal.SIGKILL)
        wait_until(lambda: long.status()["state"] == "failed", 5)
        stored = workplace / "runs" / "next" / "status.json"
        wait_until(lambda: json.loads(stored.read_text())["launched"] or following.status()["state"] == "running", 15)
        wait_until(lambda: following.status()["state"] not in ("queued", "running"))
        assert following.status()["state"] == "finished", following.log_tail()
        wait_until(lambda: not _is_locked(workplace / "runs" / "keeper.lock"), 15)
    finally:
        queue.withdraw(queue.read().waiting)
        for run in (long, following):
            if run.status()["state"] == "running":
                os.kill(run.status()["pid"], signal.SIGKILL)


def test_the_heart_beats_while_the_process_is_busy_and_brings_no_old_state_back(
    tiny, workplace, monkeypatch, wait_until
):
    monkeypatch.setattr("cityseg.jobs.heartbeat.HEARTBEAT_SECONDS", 0.005)
    run = runs.create_run(tiny(), "a")
    names = ("steps", "epoch", "epochs", "loss", "frames_per_second", "seconds_left")
    progress = dict.fromkeys(names, 1)
    with beating(run):
        before = run.status()["heartbeat"]
        wait_until(lambda: run.status()["heartbeat"] > before, 20)
        for step in range(50):
            run.write_status(progress={**progress, "step": step})
            assert run.status()["progress"]["step"] == step
    run.write_status(state="finished")
    written = run.status()["heartbeat"]
    time.sleep(0.03)
    assert (run.status()["state"], run.status()["heartbeat"]) == ("finished", written)


def test_a_waiting_run_without_origin_fails_and_the_next_one_starts(line, launches):
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
def test_a_run_with_a_damaged_status_changes_no_other_run_and_can_be_deleted(line, launches, damage):
    first, second, _ = line("a", "b", "c")
    (second.folder / "status.json").write_text(damage)
    end("a")
    queue.advance()
    assert queue.read().starting == ("c",)
    queue.claim(runs.find_run("c"))
    api.delete("b")
    assert not second.folder.exists()
    assert first.status()["state"] == "finished"
