from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cityseg import files
from cityseg.errors import UsageError
from cityseg.jobs.liveness import BEGIN_SECONDS, SILENCE_SECONDS, process_identity, stop_process


def test_live_process_is_running(run, running_as):
    run.write_status(**running_as(os.getpid()))
    assert run.status()["state"] == "running"


def test_a_dead_process_is_shown_as_failed(run, running_as):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.write_status(**running_as(process.pid))
    assert run.status()["state"] == "running"
    process.kill()
    process.wait()
    status = run.status()
    assert status["state"] == "failed"
    assert status["error"] == "the training process ended without recording why; see the end of log.txt"
    stored = json.loads((run.folder / "status.json").read_text())
    assert stored["state"] == "running"  # reading changes nothing


def test_an_unreaped_dead_child_is_failed_too(run, wait_until, running_as):
    """A child of the app stays a zombie until the app reads its exit code."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.write_status(**running_as(process.pid))
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: run.status()["state"] == "failed", 10)
    assert psutil.pid_exists(process.pid)
    process.wait()


def test_reused_pid_is_not_the_run(run, running_as):
    run.write_status(**{**running_as(os.getpid()), "process_start": 1.0})
    assert run.status()["state"] == "failed"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_status_with_clock_ticks_from_proc_is_still_understood(run, running_as):
    ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert process_identity(os.getpid()) == ticks
    run.write_status(**{**running_as(os.getpid()), "process_start": ticks})
    assert run.status()["state"] == "running"


@pytest.mark.parametrize("pid", [None, -1, 10**12, 1e300, "one"])
def test_invalid_pid_belongs_to_no_process(run, pid, running_as):
    run.write_status(**{**running_as(os.getpid()), "pid": pid})
    assert run.status()["state"] == "failed"


def test_a_process_on_another_machine_is_judged_by_its_heartbeat(run, running_as):
    run.write_status(**{**running_as(1), "host": "elsewhere"})
    assert run.status()["state"] == "running"
    stored = json.loads((run.folder / "status.json").read_text())
    files.write_json(run.folder / "status.json", {**stored, "heartbeat": time.time() - SILENCE_SECONDS - 1})
    assert run.status()["state"] == "failed"


def test_launch_that_never_started_is_failed(run):
    run.write_status(launched=time.time())
    assert run.status()["state"] == "queued"
    run.write_status(launched=time.time() - BEGIN_SECONDS - 1)
    assert run.status()["state"] == "failed"
    assert run.status()["error"] == "the training process never started; see log.txt"


def test_status_updates_keep_other_fields(run):
    run.write_status(best={"epoch": 3, "macro_f1": 0.5})
    run.write_status(state="stopped")
    status = run.status()
    assert (status["state"], status["best"]) == ("stopped", {"epoch": 3, "macro_f1": 0.5})
    assert time.time() - status["heartbeat"] < 60


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "something else (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        ("[]", "list"),
        ("{}", "state: field required"),
        ('{"state": "asleep"}', "state: input should be 'queued', 'running', 'finished', 'stopped' or 'failed'"),
        ('{"state": "running", "heartbeat": "now"}', "heartbeat: input should be a valid number, found 'now'"),
        ("[" * 100_000, "one nested too deeply"),
    ],
)
def test_damaged_status(run, text, found):
    path = run.folder / "status.json"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        run.status()
    assert str(refused.value).startswith(f"{path}: expected a record of a run, found {found}")
    assert str(refused.value).endswith("; restore it or delete the run")
    run.delete()
    assert not run.folder.exists()


@pytest.mark.parametrize("offset", [SILENCE_SECONDS + 1, 3600.0, 1e10])
def test_a_heartbeat_in_the_future_proves_nothing(run, offset, running_as):
    run.write_status(**{**running_as(1), "host": "elsewhere"})
    stored = json.loads((run.folder / "status.json").read_text())
    files.write_json(run.folder / "status.json", {**stored, "heartbeat": time.time() + offset})
    assert run.status()["state"] == "failed"
    run.delete()
    assert not run.folder.exists()


@pytest.mark.parametrize("pid", [0, -1, True, 1.0, str(os.getpid())], ids=["zero", "negative", "bool", "float", "text"])
def test_only_a_positive_integer_is_a_pid(run, monkeypatch, pid, running_as):
    sent = []
    monkeypatch.setattr(os, "kill", lambda *signal: sent.append(signal))
    run.write_status(**{**running_as(os.getpid()), "pid": pid})
    assert process_identity(pid) is None
    assert not stop_process(run.status())
    run.write_status(**{**running_as(os.getpid()), "host": "elsewhere"})
    assert run.status()["state"] == "running"
    assert not stop_process(run.status()), "a pid of another machine"
    assert sent == []
