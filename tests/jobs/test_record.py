from __future__ import annotations

import json
import os
import socket

import pytest

from cityseg.errors import Stopped, TrainingError
from cityseg.jobs import record
from cityseg.jobs.preflight_record import PreflightRecord, running_checks
from cityseg.runs import list_runs


@pytest.fixture
def folder(workplace, tiny, streets):
    return PreflightRecord("estimate", tiny(), str(streets), "cpu")


def test_check_folder_is_named_after_the_inputs_of_its_outcome(workplace, tiny, streets):
    def name(kind="estimate", device="cpu", data=str(streets), steps=None, pretrained="", **changes):
        return PreflightRecord(kind, tiny(**changes), data, device, steps=steps, pretrained=pretrained).folder.name

    assert name() == name(epochs=9, learning_rate=0.5, preset="better-1", seed=4, group="x", tracking="offline")
    assert name() == name(data=os.path.relpath(streets))
    others = [name("overfit"), name("lr-find"), name(batch_size=3), name(device="cuda"), name(data="synthetic")]
    assert len({name(), *others}) == 6
    assert name("lr-find") == name("lr-find", learning_rate=0.5, epochs=9)
    assert name("lr-find") != name("lr-find", seed=4)
    assert name("overfit") == name("overfit", batch_size=3, schedule="constant")
    assert name("overfit") != name("overfit", learning_rate=0.5)
    assert name("overfit") != name("overfit", steps=7)
    assert name("lr-find", initial="a", pretrained="1") != name("lr-find", initial="a", pretrained="2")
    assert name("overfit") == name("overfit", teacher="a", label_doubt=0.1, rare_frames=0.5)


def test_record_holds_progress_and_final_state(folder, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(record.time, "monotonic", lambda: now[0])
    assert folder.check() is None
    assert running_checks() == []
    with folder.recorded(str):
        assert folder.check().state == "running"
        for done in range(1, 7):
            folder.note("measuring", done, 10, {"points": [done]})
            now[0] += 2.0
        seen = folder.check()
        assert (seen.phase, seen.done, seen.total, seen.seconds_left) == ("measuring", 6, 10, 8.0)
        assert seen.result == {"points": [6]}
        assert [trial.kind for trial in running_checks()] == ["estimate"]
        folder.note("scoring", 1, 5)
        assert (folder.check().phase, folder.check().seconds_left) == ("scoring", None)
        folder.finish({"answer": 42})
    ended = folder.check()
    assert (ended.state, ended.result, ended.error, ended.config) == ("finished", {"answer": 42}, None, folder.config)
    assert ended.data == folder.data
    assert running_checks() == []
    assert list(list_runs()) == [], "a trial is no run"


def test_frequent_notes_are_written_a_few_times_a_second(folder, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(record.time, "monotonic", lambda: now[0])
    with folder.recorded(str):
        for done in range(1, 101):
            folder.note("measuring", done, 100)
            now[0] += 0.01
            # A hundred steps in a second: the last and every quarter of a second.
            assert folder.check().done in (1, 26, 51, 76, 100)
        assert folder.check().done == 100


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (Stopped("stopped by SIGTERM"), "stopped", None),
        (TrainingError("expected memory, found none; lower batch_size"), "failed", "expected memory, found none; "),
        (ZeroDivisionError("by zero"), "failed", "log.txt: expected no failure, found ZeroDivisionError('by zero')"),
    ],
)
def test_whatever_ends_it_is_kept(folder, error, state, said):
    with pytest.raises(type(error)), folder.recorded(str):
        raise error
    assert folder.check().state == state
    assert said is None or said in folder.check().error


def test_a_dead_process_is_a_sentence(folder):
    folder.folder.mkdir(parents=True)
    folder.describe()
    folder.begin(os.getpid())
    folder.update(process_start=1.0)
    assert folder.check().state == "failed"
    assert folder.check().error == (
        f"{folder.log}: expected a finished check, found its process ended without a result; start it again"
    )
    folder.stop()  # nothing to stop, and this process lives on
    folder.update(stop_asked=True)
    assert (folder.check().state, folder.check().error) == ("stopped", None)


def test_another_process_at_the_same_trial_keeps_its_record(folder, monkeypatch):
    with folder.recorded(str):
        other = PreflightRecord("estimate", folder.config, folder.data, "cpu")
        monkeypatch.setattr(record.os, "getpid", lambda: -1)
        with other.recorded(str):
            other.note("measuring", 3, 4)
            other.finish({"mine": True})
        assert folder.check().state == "running"
        assert folder.check().done == 0


def test_unreadable_checks_count_as_never_run(folder):
    with folder.recorded(str):
        folder.finish({})
    described = json.loads(folder.config_file.read_text())
    folder.config_file.write_text(json.dumps({**described, "config": {"unknown": 1}}))
    assert folder.check() is None
    folder.config_file.unlink()
    assert folder.check() is None
    (folder.folder / "status.json").write_text("[")
    assert folder.check() is None


def test_a_trial_of_another_machine_is_believed_while_it_speaks(folder):
    folder.folder.mkdir(parents=True)
    folder.describe()
    folder.begin(os.getpid())
    folder.update(host=f"not-{socket.gethostname()}", process_start=1.0)
    assert folder.check().state == "running"
    folder.stop()  # not from here, and this process lives on
