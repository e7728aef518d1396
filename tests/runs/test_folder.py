from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from cityseg import files, runs
from cityseg.errors import DataError, UsageError
from cityseg.jobs.liveness import BEGIN_SECONDS, SILENCE_SECONDS, process_identity, stop_process
from cityseg.metrics import summarize


@pytest.fixture
def run(tiny, workplace):
    return runs.create_run(tiny(), "first")


def alive(pid: int) -> dict[str, object]:
    return {
        "state": "running",
        "pid": pid,
        "process_start": process_identity(pid),
        "host": socket.gethostname(),
    }


def step_line(step: int) -> dict[str, object]:
    figures = {"loss": 1 / step, "learning_rate": 0.1, "frames_per_second": 9.0, "seconds": float(step)}
    return {"kind": "step", "step": step, "epoch": 1, **figures}


def test_a_new_run_is_queued_and_describes_itself(run, tiny):
    assert run.status()["state"] == "queued"
    assert run.config() == tiny()
    description = run.describe()
    assert description["host"] == socket.gethostname()
    assert set(description["versions"]) == {"cityseg", "torch", "python"}
    assert description["created"].endswith("+00:00")


@pytest.mark.parametrize(
    ("preset", "name", "begins"),
    [
        ("../../escaped", "", "escaped-"),
        ("/any/x", "", "any-x-"),
        ("x" * 300, "", "x" * 100 + "-"),
        ("..", "", "run-"),
        ("custom", "../../escaped", "escaped"),
        ("custom", "/any/x", "any-x"),
        ("custom", "y" * 300, "y" * 100),
        ("custom", "..", "custom-"),
    ],
)
def test_no_name_leads_out_of_the_folder_of_runs(workplace, tiny, preset, name, begins):
    run = runs.create_run(tiny(preset=preset), name)
    assert run.id.startswith(begins)
    assert [path.name for path in (workplace / "runs").iterdir()] == [run.id]
    assert [path.name for path in workplace.iterdir() if path.is_dir()] == ["runs"]
    assert runs.find_run(run.id).config().preset == preset


def test_ids_are_unique(tiny, workplace):
    ids = [runs.create_run(tiny(), "my run!").id for _ in range(3)]
    assert ids == ["my-run", "my-run-2", "my-run-3"]
    assert runs.create_run(tiny(), "better-1", taken=("better-1",)).id == "better-1-2"
    assert runs.create_run(tiny(), "../..").folder.parent == workplace / "runs"
    unnamed = {runs.create_run(tiny()).id for _ in range(3)}
    assert len(unnamed) == 3
    assert all(name.startswith("custom-") for name in unnamed)


def test_concurrent_runs_of_one_name_get_distinct_ids(tiny, workplace):
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(runs.create_run(tiny(), "same").id)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == ["same", "same-2", "same-3"]


def test_runs_are_listed_newest_first(tiny, workplace):
    made = [runs.create_run(tiny(), name) for name in ("a", "b", "c")]
    for age, run in enumerate(made):
        os.utime(run.folder / "config.json", (1000 - age, 1000 - age))
    (workplace / "runs" / "stray").mkdir()
    assert [run.id for run in runs.list_runs()] == ["a", "b", "c"]
    assert list(runs.list_runs(workplace / "nowhere")) == []


def test_unknown_runs(run, workplace):
    with pytest.raises(UsageError) as refused:
        runs.find_run("second")
    assert str(refused.value) == f"unknown run 'second' in {workplace / 'runs'}: expected one of first"
    (run.folder.parent.parent / "config.json").write_text("{}")
    for name in ("..", "../runs/first", "first/best", ".", ""):
        with pytest.raises(UsageError, match="unknown run"):
            runs.find_run(name)
    with pytest.raises(UsageError, match="expected one of none yet"):
        runs.find_run("first", workplace / "nowhere")


def test_live_process_is_running(run):
    run.write_status(**alive(os.getpid()))
    assert run.status()["state"] == "running"


def test_a_dead_process_is_shown_as_failed(run):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.write_status(**alive(process.pid))
    assert run.status()["state"] == "running"
    process.kill()
    process.wait()
    status = run.status()
    assert status["state"] == "failed"
    assert status["error"] == "the training process ended without recording why; see the end of log.txt"
    stored = json.loads((run.folder / "status.json").read_text())
    assert stored["state"] == "running"  # reading changes nothing


def test_an_unreaped_dead_child_is_failed_too(run, wait_until):
    """A child of the app stays a zombie until the app reads its exit code."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.write_status(**alive(process.pid))
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: run.status()["state"] == "failed", 10)
    assert psutil.pid_exists(process.pid)
    process.wait()


def test_reused_pid_is_not_the_run(run):
    run.write_status(**{**alive(os.getpid()), "process_start": 1.0})
    assert run.status()["state"] == "failed"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_status_with_clock_ticks_from_proc_is_still_understood(run):
    ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert process_identity(os.getpid()) == ticks
    run.write_status(**{**alive(os.getpid()), "process_start": ticks})
    assert run.status()["state"] == "running"


@pytest.mark.parametrize("pid", [None, -1, 10**12, 1e300, "one"])
def test_invalid_pid_belongs_to_no_process(run, pid):
    run.write_status(**{**alive(os.getpid()), "pid": pid})
    assert run.status()["state"] == "failed"


def test_a_process_on_another_machine_is_judged_by_its_heartbeat(run):
    run.write_status(**{**alive(1), "host": "elsewhere"})
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


def test_partial_last_line_of_history_is_ignored(run):
    assert run.history() == []
    line = step_line(1)
    run.append_history(**line)
    epoch = {"kind": "epoch", "step": 1, "epoch": 1, "seconds": 2.0, "val_loss": 0.5}
    epoch["val"] = summarize(np.eye(19, dtype=np.int64)[None])
    run.append_history(**epoch)
    with (run.folder / "history.jsonl").open("a") as file:
        file.write('{"kind": "step", "st')
    assert run.history() == [line, epoch]
    assert run.epochs() == [epoch]
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append_history(loss=float("nan"))


def test_history_is_truncated_to_a_step(run):
    for step in (1, 2, 3):
        run.append_history(**step_line(step))
    run.truncate_history(2)
    assert run.history() == [step_line(1), step_line(2)]


@pytest.mark.parametrize("damage", ["\n", '{"kind": "st\n', "\0\0\0\0\n", '{"kind": "step", "step": 2}\n', "[]\n"])
def test_a_damaged_line_of_the_history_is_named_and_left_out_when_the_run_resumes(run, caplog, damage):
    run.append_history(**step_line(1))
    path = run.folder / "history.jsonl"
    with path.open("a") as file:
        file.write(damage)
    run.append_history(**step_line(3))
    with pytest.raises(DataError) as refused:
        run.history()
    assert str(refused.value).startswith(f"{path}, line 2: expected a record of a training, found ")
    assert str(refused.value).endswith("; remove the line, resume the run or delete it")
    run.truncate_history(2)
    assert run.history() == [step_line(1)]
    assert caplog.messages == [f"{path}: 1 damaged lines are left out"]


def test_confusions_are_stored_with_their_names(run):
    best = np.random.default_rng(0).integers(0, 2**31, (2, 19, 19))
    run.write_confusions("val", ("a", "b"), best=best, last=best + 1)
    for which, expected in (("best", best), ("last", best + 1)):
        stored = run.confusions("val", which)
        assert stored.frames == ("a", "b")
        assert stored.matrices.dtype == np.int64
        np.testing.assert_array_equal(stored.matrices, expected)
    run.write_confusions("test", ("c",), best=best[:1])
    np.testing.assert_array_equal(run.confusions("test", "last").matrices, best[:1])
    assert run.has_confusions("test")
    assert not run.has_confusions("train")
    with pytest.raises(DataError) as refused:
        run.confusions("train")
    assert str(refused.value) == (
        "first: expected results on the train split, found none; let the run finish an epoch first"
    )


def test_deleting(run):
    run.write_status(**alive(os.getpid()))
    with pytest.raises(UsageError) as refused:
        run.delete()
    assert str(refused.value) == "first: expected a run that has ended, found it running; stop it first"
    assert run.folder.is_dir()
    run.write_status(state="stopped")
    run.delete()
    assert not run.folder.exists()


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


def test_a_link_to_a_run_is_removed_and_the_run_kept(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    run.folder.rename(elsewhere)
    run.folder.symlink_to(elsewhere)
    assert [one.id for one in runs.list_runs()] == ["first"]
    run.delete()
    assert not run.folder.is_symlink()
    assert (elsewhere / "config.json").is_file()
    run.folder.symlink_to(tmp_path / "nowhere")
    assert [one.id for one in runs.list_runs()] == ["first"]
    runs.find_run("first").delete()
    assert list(runs.list_runs()) == []


def test_a_write_protected_run_is_deleted(run):
    inner = run.folder / "probes" / "frame"
    inner.mkdir(parents=True)
    (inner / "epoch-0001.png").write_bytes(b"")
    for folder in (inner, inner.parent, run.folder):
        folder.chmod(0o555)
    run.delete()
    assert not run.folder.exists()


@pytest.mark.parametrize("offset", [SILENCE_SECONDS + 1, 3600.0, 1e10])
def test_a_heartbeat_in_the_future_proves_nothing(run, offset):
    run.write_status(**{**alive(1), "host": "elsewhere"})
    stored = json.loads((run.folder / "status.json").read_text())
    files.write_json(run.folder / "status.json", {**stored, "heartbeat": time.time() + offset})
    assert run.status()["state"] == "failed"
    run.delete()
    assert not run.folder.exists()


@pytest.mark.parametrize("pid", [0, -1, True, 1.0, str(os.getpid())], ids=["zero", "negative", "bool", "float", "text"])
def test_only_a_positive_integer_is_a_pid(run, monkeypatch, pid):
    sent = []
    monkeypatch.setattr(os, "kill", lambda *signal: sent.append(signal))
    run.write_status(**{**alive(os.getpid()), "pid": pid})
    assert process_identity(pid) is None
    assert not stop_process(run.status())
    run.write_status(**{**alive(os.getpid()), "host": "elsewhere"})
    assert run.status()["state"] == "running"
    assert not stop_process(run.status()), "a pid of another machine"
    assert sent == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"created": None}, "created: input should be a valid string, found None"),
        ({"created": "yesterday"}, "created: expected a time with its zone, such as 2026-01-31T12:00:00+00:00"),
        ({"created": "2026-01-31T12:00:00"}, "created: expected a time with its zone"),
        ({"config": None}, "config: input should be a valid dictionary"),
        ({"data": []}, "data: input should be a valid dictionary"),
        ({"versions": {"cityseg": 3}}, "versions.cityseg: input should be a valid string"),
    ],
)
def test_a_damaged_description_is_refused(run, changes, found):
    path = run.folder / "config.json"
    files.write_json(path, {**run.describe(), **changes})
    with pytest.raises(UsageError) as refused:
        run.config()
    assert str(refused.value).startswith(f"{path}: expected a record of a run, found {found}")


def test_a_run_of_a_newer_version_says_so(run):
    description = run.describe()
    description["config"]["colour"] = 1
    description["versions"]["cityseg"] = "99.0"
    run.write_description(description)
    with pytest.raises(UsageError) as refused:
        run.config()
    assert "unknown setting 'colour'" in str(refused.value)
    assert "; the run was made by cityseg 99.0, this is " in str(refused.value)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"frames": np.array(["a", "b"]), "best": np.zeros((2, 19, 18), int)}, "best of shape (2, 19, 18)"),
        ({"frames": np.array(["a"]), "best": np.zeros((2, 19, 19), int)}, "best of shape (2, 19, 19)"),
        ({"frames": np.array(["a", "a"]), "best": np.zeros((2, 19, 19), int)}, "a frame twice"),
        ({"frames": np.array([], "U1"), "best": np.zeros((0, 19, 19), int)}, "frames of shape (0,)"),
        ({"frames": np.array(["a"]), "best": np.full((1, 19, 19), -1)}, "impossible values in best"),
        ({"frames": np.array(["a"]), "best": np.zeros((1, 19, 19))}, "best of shape (1, 19, 19) and type float64"),
        ({"frames": np.array(["a"]), "best": np.full((1, 19, 19), None)}, "best.npy: expected numbers or text"),
        ({"frames": np.array(["a"])}, "no matrices"),
        ({"best": np.zeros((1, 19, 19), int)}, "no names of frames"),
    ],
)
def test_matrices_of_another_shape_are_refused(run, arrays, found):
    path = run.folder / "confusion-val.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError) as refused:
        run.confusions("val")
    assert str(refused.value).startswith(f"{path}: expected stored counts, found a damaged file ({found}")


def test_a_header_that_declares_more_than_the_file_holds_takes_no_memory(run):
    path = run.folder / "confusion-val.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (10**9, 19, 19)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best.npy", header.getvalue())
        archive.writestr("frames.npy", header.getvalue())
    with pytest.raises(DataError, match="expected stored counts, found a damaged file"):
        run.confusions("val")
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"found a damaged file \(File is not a zip file\)"):
        run.confusions("val")


def test_logs(run):
    assert run.log_tail() == ""
    (run.folder / "log.txt").write_bytes(b"\xff one\ntwo\nthree\n")
    assert run.log_tail(2) == "two\nthree"


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "value.json"
    files.write_json(path, {"n": 0})
    ended = threading.Event()

    def write(offset: int) -> None:
        for number in range(100):
            files.write_json(path, {"n": number + offset, "filling": "x" * 2000})

    writers = [threading.Thread(target=write, args=(offset,)) for offset in (0, 1000)]
    seen: list[int] = []

    def read() -> None:
        while not ended.is_set():
            seen.append(json.loads(path.read_text())["n"])

    reader = threading.Thread(target=read)
    reader.start()
    failures: list[object] = []
    threading.excepthook, before = lambda problem: failures.append(problem.exc_value), threading.excepthook
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        ended.set()
        reader.join()
        threading.excepthook = before
    assert failures == []
    assert len(seen) > 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["value.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "value.json"
    files.write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, float("nan"))

    def fail(unfinished):
        unfinished.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, fail)
    assert path.read_text() == "1\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["value.json"]
