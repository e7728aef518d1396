from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import filelock

from cityseg import api, runs
from cityseg.jobs import launcher, queue
from cityseg.jobs.heartbeat import beating

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


def test_many_processes_that_advance_at_once_start_every_run_once(tiny, workplace, launches, running_as):
    queue.set_slots(4)
    runs.create_run(tiny(), "busy").write_status(**running_as(os.getpid()))
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


def test_watcher_runs_until_the_queue_is_empty(line, launches, workplace, wait_until, end):
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
        with queue.locked(path.parent), filelock.FileLock(path, timeout=0):
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
