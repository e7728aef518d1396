"""A run that is stopped, killed or resumed ends as the one that was left alone, bit for bit."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from cityseg import api, checkpoint
from cityseg.api.training.create_run import new_run
from cityseg.engine import step as step_module
from cityseg.engine import train as training
from cityseg.errors import Stopped, UsageError
from cityseg.runs import Run, find_run

STEPS = 12
"""Of the tiny recipe: 7 frames in batches of 2, three epochs."""


def outcome(run: Run) -> dict[str, object]:
    """Everything a run produced but times and memory."""
    clocks = ("seconds", "frames_per_second", "memory_bytes")
    return {
        "history": [{key: value for key, value in line.items() if key not in clocks} for line in run.history()],
        **{
            f"{part} {name}": value.tolist()
            for part in ("best", "last")
            for name, value in load_file(run.folder / part / "model.safetensors").items()
        },
        **{
            f"{split} {which}": run.confusions(split, which).matrices.tolist()
            for split in ("val", "test")
            for which in ("best", "last")
        },
        "scores": checkpoint.read_card(run.folder / "best").scores,
        "probes": {name: [path.read_bytes() for path in paths] for name, paths in run.probes().items()},
    }


def test_the_same_description_gives_the_same_run(trained, tiny, workplace, streets):
    again = api.train(tiny(), str(streets), name="again")
    assert outcome(again.run) == outcome(trained)
    assert (again.state, again.epochs_done, again.best_epoch) == ("finished", 3, again.run.status()["best"]["epoch"])


def stop_after(monkeypatch: pytest.MonkeyPatch, wanted: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Let this process get a real signal while the wanted step of the next training is computed."""
    make, steps = step_module.make_train_step, iter(range(1, 1000))

    def signalling(*arguments):
        step = make(*arguments)

        def one(*batch):
            if next(steps) == wanted:
                os.kill(os.getpid(), number)
            return step(*batch)

        return one

    monkeypatch.setattr(step_module, "make_train_step", signalling)


@pytest.mark.parametrize("step", [1, 7, 8, STEPS])
def test_stopped_run_resumes_to_identical_weights(trained, tiny, workplace, streets, monkeypatch, step):
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        stopped = api.train(tiny(), str(streets), name="stopped")
    assert stopped.state == "stopped"
    assert stopped.epochs_done == step // 4
    state = torch.load(stopped.run.folder / "last" / "state.pt", weights_only=True)
    assert state["iteration"] == step
    assert signal.getsignal(signal.SIGTERM) is before
    resumed = api.train(None, resume="stopped")
    assert (resumed.state, resumed.epochs_done) == ("finished", 3)
    assert outcome(resumed.run) == outcome(trained)


def test_a_run_that_died_while_it_was_scored_is_not_trained_again(trained, tiny, workplace, streets, monkeypatch):
    def die(trainer):
        raise OSError("the machine went away")

    with monkeypatch.context() as patch:
        patch.setattr(training.Trainer, "finish", die)
        with pytest.raises(OSError, match="went away"):
            api.train(tiny(), str(streets), name="died")
    assert find_run("died").status()["state"] == "failed"
    weights = (find_run("died").folder / "last" / "model.safetensors").read_bytes()
    resumed = api.train(None, resume="died")
    assert resumed.state == "finished"
    assert (resumed.run.folder / "last" / "model.safetensors").read_bytes() == weights
    assert [line["step"] for line in resumed.run.history()] == [line["step"] for line in trained.history()]
    assert resumed.scores == checkpoint.read_card(trained.folder / "best").scores


def test_command_line_stops_cleanly_and_resumes(tiny, workplace, cityseg, wait_until):
    recipe = workplace / "recipe.json"
    recipe.write_text(tiny(epochs=24).model_dump_json())
    words = ["train", "--config", recipe, "--name", "wire"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cityseg", *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    history = workplace / "runs" / "wire" / "history.jsonl"
    wait_until(lambda: process.poll() is not None or (history.is_file() and history.stat().st_size))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    answer = json.loads(out)
    assert (answer["id"], answer["state"]) == ("wire", "stopped")
    assert "Traceback" not in err
    run = find_run("wire")
    assert run.status()["state"] == "stopped"
    assert (run.folder / "last" / "state.pt").is_file()
    assert cityseg("train", "--resume", "wire", "--json").code == 0
    words[-1] = "whole"
    assert cityseg(*words).code == 0
    assert find_run("wire").status()["state"] == "finished"
    assert outcome(find_run("wire")) == outcome(find_run("whole"))


def test_a_stop_whose_exception_is_swallowed_before_the_first_step_still_stops_the_run(tiny, workplace, streets):
    def heard_and_lost(_):
        # What a signal raises inside a finaliser or a callback of C code is printed and dropped.
        with contextlib.suppress(Stopped):
            signal.raise_signal(signal.SIGTERM)

    result = api.train(tiny(), str(streets), name="deaf", on_start=heard_and_lost)
    assert result.state == "stopped"
    assert torch.load(result.run.folder / "last" / "state.pt", weights_only=True)["iteration"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_put_back(number):
    before = signal.getsignal(number)
    heard: list[str] = []
    with training.stop_signals(heard.append):
        os.kill(os.getpid(), number)
    assert heard == [number.name]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("precision", ["bfloat16", "pure-bfloat16"])
def test_bfloat16_runs_resume_to_the_same_bits(tiny, workplace, streets, monkeypatch, precision):
    settings = tiny(precision=precision, epochs=2, half_size_epochs=0, start_channels=2)
    whole = api.train(settings, str(streets), name="whole")
    with monkeypatch.context() as patch:
        stop_after(patch, 5, signal.SIGINT)
        assert api.train(settings, str(streets), name="stopped").state == "stopped"
    resumed = api.train(None, resume="stopped")
    assert outcome(resumed.run) == outcome(whole.run)
    kept = torch.bfloat16 if precision == "pure-bfloat16" else torch.float32
    assert load_file(resumed.run.folder / "best" / "model.safetensors")["head.weight"].dtype == kept


SUPERVISED = {"deep_supervision": 0.5, "epochs": 2, "ema_decay": 0.9, "depth": 2}


@pytest.mark.parametrize("settings", [{"optimizer": "muon"}, {"precision": "bfloat16", "ema_decay": 0.0}])
def test_deeply_supervised_runs_resume_to_the_same_bits(tiny, workplace, streets, monkeypatch, settings):
    recipe = tiny(**{**SUPERVISED, **settings})
    whole = api.train(recipe, str(streets), name="whole")
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        assert api.train(recipe, str(streets), name="stopped").state == "stopped"
    resumed = api.train(None, resume="stopped")
    assert outcome(resumed.run) == outcome(whole.run)
    mine, theirs = (
        torch.load(one.run.folder / "last" / "state.pt", weights_only=True)["heads"] for one in (resumed, whole)
    )
    assert [(name, tuple(weight.shape)) for name, weight in mine.items()] == [
        ("0.weight", (19, 8, 1, 1)),
        ("0.bias", (19,)),
        ("1.weight", (19, 16, 1, 1)),
        ("1.bias", (19,)),
        ("2.weight", (19, 32, 1, 1)),
        ("2.bias", (19,)),
    ]
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_finished_and_running_runs_are_not_resumed(trained):
    with pytest.raises(UsageError) as refused:
        api.train(None, runs=trained.folder.parent, resume=trained.id)
    assert str(refused.value) == "tiny: expected an unfinished run, found it finished; start a new one"


RICH = {"epochs": 4, "ema_decay": 0.9, "brightness": 0.3, "scale_max": 2.0, "noise": 0.05, "cutmix": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "kills"), [("float32", 1), ("bfloat16", 2)])
def test_kills_at_random_moments_change_nothing(tiny, workplace, streets, precision, kills):
    whole = api.train(tiny(precision=precision, **RICH), str(streets), name="whole")
    run = new_run(tiny(precision=precision, **RICH), str(streets), name="killed")
    command = [sys.executable, "-m", "cityseg", "train", "--resume", "killed", "--json"]
    draw = random.Random(precision)
    killed = 0
    for _ in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        target = len(run.history()) + draw.randint(1, 2)
        deadline = time.monotonic() + 90
        while process.poll() is None and len(run.history()) < target and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(draw.random() * 0.05)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed
    if run.status()["state"] != "finished":
        api.train(None, resume="killed")
    assert outcome(run) == outcome(whole.run)
