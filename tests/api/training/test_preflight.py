from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cityseg import api
from cityseg.api.training import cost_estimate, preflight
from cityseg.errors import DataError, Stopped, TrainingError, UsageError
from cityseg.runs import list_runs


def test_measured_time_is_stored_and_completes_the_estimate(workplace, tiny, streets):
    config = tiny(half_size_epochs=0, preset="better-1")
    before = api.estimate(config, str(streets))
    assert (before.pace, before.seconds, before.measured) == (None, None, None)
    assert before.frames == {"train": 7, "val": 2, "test": 1}
    assert before.steps == 12
    assert before.differences["batch_size"] == (2, 16)
    phases = []
    measured = api.measure_time(config, str(streets), on_progress=lambda *words: phases.append(words))
    assert measured.pace is not None
    assert {phase for phase, _, _ in phases} == {"measuring"}
    assert measured.seconds > 0
    assert api.estimate(config, str(streets)) == measured
    # The pace holds for more epochs, which take longer; another batch size has not been measured.
    longer = api.estimate(tiny(half_size_epochs=0, epochs=30), str(streets))
    assert longer.seconds > measured.seconds
    assert api.estimate(tiny(half_size_epochs=0, batch_size=3), str(streets)).pace is None
    assert list(list_runs()) == []
    json.dumps(measured.as_dict(), allow_nan=False)


def test_unprepared_data_is_replaced_by_noise(workplace, tiny, streets, monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", str(workplace / "cache"))
    config = tiny(half_size_epochs=0)
    assert api.measure_time(config, str(streets)).pace.source == "noise"
    assert not list(workplace.glob("cache/train-*")), "measuring prepares nothing"
    api.prepare(str(streets), config.image_size)
    assert api.measure_time(config, str(streets)).pace.source == "frames"


def test_config_that_exceeds_memory_is_not_run(workplace, tiny, streets, monkeypatch):
    monkeypatch.setattr(cost_estimate, "free_memory", lambda _: 2**20)
    refused = api.measure_time(tiny(), str(streets))
    assert refused.pace is None
    assert "it will probably be killed" in refused.warnings[0]
    recorded = api.find_check("estimate", tiny(), str(streets))
    assert recorded.state == "failed"
    assert recorded.error == (
        "expected 0.7 GB of free memory, found 0.0 GB; lower batch_size or image_size, or end other programs"
    )
    with pytest.raises(TrainingError) as failed:
        api.find_rate(tiny(), str(streets))
    assert str(failed.value) == recorded.error


def test_exhausted_memory_is_reported(workplace, tiny, streets, monkeypatch):
    def run_out(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(preflight, "check_overfit", run_out)
    with pytest.raises(TrainingError) as failed:
        api.overfit(tiny(), str(streets))
    assert str(failed.value) == (
        "expected enough memory for a step, found it exhausted; lower batch_size (now 2) or image_size"
    )
    assert api.find_check("overfit", tiny(), str(streets)).error == str(failed.value)


def test_missing_train_frames_are_an_error(workplace, tiny, streets, monkeypatch):
    only_test = {"test": api.prepare(str(streets), (32, 64))["test"]}
    monkeypatch.setattr(preflight, "prepare", lambda *_: only_test)
    with pytest.raises(DataError, match="expected frames in the train split, found none; training needs them"):
        api.overfit(tiny(), str(streets))


def test_overfit_check_and_lr_finder_are_recorded(workplace, tiny, streets):
    check = api.overfit(tiny(), str(streets), steps=3)
    recorded = preflight.preflight_record("overfit", tiny(), str(streets), None, 3).check()
    assert recorded.state == "finished"
    assert recorded.result["verdict"] == check.verdict
    assert [point["step"] for point in recorded.result["points"]] == [1, 2, 3]
    assert api.find_check("overfit", tiny(), str(streets)) is None, "three steps are another check than the usual"

    search = api.find_rate(tiny(), str(streets))
    recorded = api.find_check("lr-find", tiny(learning_rate=0.5), str(streets))
    assert recorded.result["suggestion"] == search.suggestion
    assert len(recorded.result["smoothed"]) == len(search.points)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_a_check(workplace, tiny, streets, number):
    def progress(phase, done, total):
        if phase == "learning" and done == 2:
            signal.raise_signal(number)

    with pytest.raises(Stopped) as stopped:
        api.overfit(tiny(), str(streets), on_progress=progress)
    assert str(stopped.value) == f"the 8-frame check was stopped by {number.name} before its end"
    recorded = api.find_check("overfit", tiny(), str(streets))
    assert (recorded.state, recorded.error) == ("stopped", None)
    assert len(recorded.result["points"]) >= 1


def test_swallowed_signal_stops_the_check_a_step_later(workplace, tiny, streets):
    done = []

    def progress(phase, step, total):
        done.append(step)
        if phase == "learning" and step == 2:
            with contextlib.suppress(Stopped):
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped, match="the 8-frame check was stopped by SIGTERM before its end"):
        api.overfit(tiny(), str(streets), on_progress=progress)
    assert done[-1] == 2
    assert api.find_check("overfit", tiny(), str(streets)).state == "stopped"


def test_second_concurrent_check_is_refused(workplace, tiny, streets, monkeypatch):
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    together = threading.Barrier(2)

    def start(command, log):
        time.sleep(0.3)
        return sleeper.pid

    def one(kind):
        together.wait()
        try:
            return api.start_check(kind, tiny(), str(streets)).state
        except UsageError as error:
            return str(error)

    monkeypatch.setattr("cityseg.jobs.launcher.start_detached", start)
    try:
        with ThreadPoolExecutor(2) as visitors:
            answers = sorted(visitors.map(one, ("overfit", "lr-find")))
    finally:
        sleeper.kill()
        sleeper.wait()
    assert answers[1] == "running"
    assert answers[0].startswith("expected no other check to be running, found the ")


def test_check_process_can_be_followed_stopped_and_found_dead(workplace, tiny, streets, wait_until):
    spec = str(streets)
    # A rate that learns nothing, on a network that takes its time: it lasts until it is stopped.
    slow = tiny(start_channels=32, image_size=(64, 128), learning_rate=1e-7, half_size_epochs=0)
    assert api.start_check("overfit", slow, spec).state == "running"
    with pytest.raises(UsageError) as refused:
        api.start_check("lr-find", slow, spec)
    assert str(refused.value) == (
        "expected no other check to be running, found the 8-frame check; stop it or wait for its end"
    )
    wait_until(lambda: api.find_check("overfit", slow, spec).result)
    [going] = api.running_checks()
    status = json.loads(next(workplace.glob("runs/.trials/overfit-*/status.json")).read_text())
    assert status["pid"] != os.getpid()
    assert os.getsid(status["pid"]) == status["pid"]
    api.stop_check(going)
    wait_until(lambda: not api.running_checks())
    stopped = api.find_check("overfit", slow, spec)
    assert (stopped.state, stopped.error) == ("stopped", None)

    api.start_check("overfit", slow, spec)
    status = json.loads(next(workplace.glob("runs/.trials/overfit-*/status.json")).read_text())
    os.kill(status["pid"], signal.SIGKILL)
    wait_until(lambda: not api.running_checks())
    assert "found its process ended without a result; start it again" in api.find_check("overfit", slow, spec).error


def test_wrong_data_is_refused_before_the_process_starts(workplace, tiny):
    with pytest.raises(UsageError, match="found no such folder"):
        api.start_check("estimate", tiny(), "nowhere")
    assert api.running_checks() == []


def test_training_warns_before_its_first_step(workplace, tiny, streets):
    said: list[str] = []
    api.train(tiny(epochs=1, half_size_epochs=0, batch_size=8), str(streets), on_warning=said.append)
    assert [sentence.split(":")[0] for sentence in said] == [
        "batch_size 8 is larger than the training split of 7 frames",
        "The run has only 1 optimiser step, too few to learn much. Raise epochs or lower batch_size.",
    ]
