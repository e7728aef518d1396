from __future__ import annotations

import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cityseg import api, checkpoint, metrics
from cityseg.api.making import new_run
from cityseg.engine import train as training
from cityseg.engine.step import learning_rate
from cityseg.errors import DataError, Stopped, TrainingError, UsageError
from cityseg.labels import PALETTE
from cityseg.models import UNet, count_parameters
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


def test_a_run_ends_finished_with_a_whole_folder(trained):
    status = trained.status()
    assert status["state"] == "finished"
    assert status["error"] is None
    assert status["progress"]["step"] == status["progress"]["steps"] == STEPS
    assert sorted(path.name for path in (trained.folder / "last").iterdir()) == [
        "model.json",
        "model.safetensors",
        "seal.json",
        "state.pt",
    ]
    assert not list(trained.folder.rglob("*.part"))
    description = trained.describe()
    assert set(description["data"]["fingerprints"]) == {"train", "val", "test"}
    assert description["versions"]["torch"] == torch.__version__


def test_history_has_a_line_per_look_and_per_epoch(trained, tiny):
    lines = trained.history()
    assert [(line["kind"], line["step"], line["epoch"]) for line in lines] == [
        ("step", 4, 1),
        ("epoch", 4, 1),
        ("step", 8, 2),
        ("epoch", 8, 2),
        ("step", 10, 3),
        ("step", 12, 3),
        ("epoch", 12, 3),
    ]
    for line in lines:
        if line["kind"] == "step":
            assert line["learning_rate"] == learning_rate(tiny(), line["step"] - 1, STEPS)
            assert math.isfinite(line["loss"])
            assert line["frames_per_second"] > 0
            assert line["memory_bytes"] > 10**7
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)


def test_scores_matrices_and_truth_agree(trained, streets, session_cache, monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", str(session_cache))
    prepared = api.prepare(str(streets), (32, 64))
    scores = checkpoint.read_card(trained.folder / "best").scores
    assert set(scores) == {"val", "test"}
    for split, stored in scores.items():
        confusions = trained.confusions(split)
        assert confusions.frames == prepared[split].meta.frames
        for matrix, truth in zip(confusions.matrices, prepared[split].labels, strict=True):
            np.testing.assert_array_equal(matrix.sum(1), np.bincount(truth.ravel(), minlength=256)[:19])
        expected = {
            **metrics.summarize(confusions.matrices),
            "fingerprint": prepared[split].meta.fingerprint,
            "size": [32, 64],
            "label_policy": "train ids from labelIds, void ignored, nearest pixel",
        }
        assert stored == expected
    with np.load(trained.folder / "confusion-val.npz", allow_pickle=False) as stored:
        assert set(stored) == {"frames", "best", "last"}


def test_best_is_the_epoch_with_the_best_val_score(trained):
    card = checkpoint.read_card(trained.folder / "best")
    scores = [line["val"]["macro"]["f1"] for line in trained.epochs()]
    assert card.training["epoch"] == 1 + int(np.argmax(scores))
    assert card.scores["val"]["macro"]["f1"] == max(scores)
    assert trained.status()["best"] == {"epoch": card.training["epoch"], "macro_f1": max(scores)}
    last = metrics.summarize(trained.confusions("val", "last").matrices)
    assert last == trained.epochs()[-1]["val"]


def test_probes_are_palette_images_of_train_ids(trained):
    probes = trained.probes()
    assert tuple(sorted(probes)) == tuple(sorted(trained.confusions("val").frames))
    last = trained.confusions("val", "last")
    for name, paths in probes.items():
        assert [path.name for path in paths] == [f"epoch-{epoch:04d}.png" for epoch in (1, 2, 3)]
        with Image.open(paths[-1]) as image:
            assert (image.mode, image.size) == ("P", (64, 32))
            assert image.getpalette()[: 19 * 3] == PALETTE[:19].ravel().tolist()
            train_ids = np.asarray(image)
        assert train_ids.max() < 19
        matrix = last.matrices[last.frames.index(name)]
        counts = np.bincount(train_ids.ravel(), minlength=19)
        assert (matrix.sum(0) <= counts).all()  # void truth is not counted
        assert matrix.sum() > 0


def test_evaluating_the_run_gives_the_stored_figures(trained, streets, session_cache, monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", str(session_cache))
    stored = checkpoint.read_card(trained.folder / "best").scores
    for split in ("val", "test"):
        measured = api.evaluate(trained.id, str(streets), split, runs=trained.folder.parent)
        assert {key: measured[key] for key in stored[split]} == stored[split]


def test_the_same_description_gives_the_same_run(trained, tiny, workplace, streets):
    again = api.train(tiny(), str(streets), name="again")
    assert outcome(again.run) == outcome(trained)
    assert (again.state, again.epochs_done, again.best_epoch) == ("finished", 3, again.run.status()["best"]["epoch"])


def stop_after(monkeypatch: pytest.MonkeyPatch, wanted: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Let this process get a real signal while the wanted step of the next training is computed."""
    make, steps = training.make_train_step, iter(range(1, 1000))

    def signalling(*arguments):
        step = make(*arguments)

        def one(*batch):
            if next(steps) == wanted:
                os.kill(os.getpid(), number)
            return step(*batch)

        return one

    monkeypatch.setattr(training, "make_train_step", signalling)


@pytest.mark.parametrize("step", [1, 7, 8, STEPS])
def test_a_stopped_run_goes_on_to_the_same_bits(trained, tiny, workplace, streets, monkeypatch, step):
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        stopped = api.train(tiny(), str(streets), name="stopped")
    assert stopped.state == "stopped"
    assert stopped.epochs_done == step // 4
    state = torch.load(stopped.run.folder / "last" / "state.pt", weights_only=True)
    assert state["iteration"] == step
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
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


def test_the_command_line_stops_politely_and_goes_on(tiny, workplace, cityseg, wait_until):
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


def spoiled(monkeypatch: pytest.MonkeyPatch, spoil) -> None:
    build = training.build_network

    def damaged(*arguments):
        model = build(*arguments)
        with torch.no_grad():
            spoil(model)
        return model

    monkeypatch.setattr(training, "build_network", damaged)


def test_a_loss_that_is_no_number_ends_the_run(tiny, workplace, streets, monkeypatch):
    spoiled(monkeypatch, lambda model: model.head.bias.fill_(math.nan))
    with pytest.raises(TrainingError) as failed:
        api.train(tiny(), str(streets), name="wild")
    sentence = (
        "wild: the loss became nan by step 4; lower learning_rate (now 0.01) or use precision=float32. "
        "The last good weights are in best/"
    )
    assert str(failed.value) == sentence
    assert failed.value.exit_code == 1
    status = find_run("wild").status()
    assert (status["state"], status["error"]) == ("failed", sentence)
    assert find_run("wild").history() == []


def test_a_val_loss_that_is_no_number_ends_the_run(tiny, workplace, streets, monkeypatch):
    # Training normalises by the batch; only evaluation meets the running variance.
    spoiled(monkeypatch, lambda model: model.down[0][1].running_var.fill_(-1e6))
    with pytest.raises(TrainingError, match="wild: the val loss became nan by step 4; lower learning_rate"):
        api.train(tiny(), str(streets), name="wild")
    assert find_run("wild").status()["state"] == "failed"
    assert not (find_run("wild").folder / "best").exists()


def test_data_without_train_frames_fails_the_run(tiny, workplace, streets):
    import shutil

    shutil.copytree(streets, workplace / "half")
    shutil.rmtree(workplace / "half" / "leftImg8bit" / "train")
    shutil.rmtree(workplace / "half" / "gtFine" / "train")
    with pytest.raises(DataError) as failed:
        api.train(tiny(), "half", name="nothing")
    assert str(failed.value) == "half: expected frames in the train split, found none; training needs them"
    assert find_run("nothing").status()["error"] == str(failed.value)


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


def test_a_deeply_supervised_run_leaves_a_plain_network(tiny, workplace, streets):
    result = api.train(tiny(**SUPERVISED, learning_rate=0.02), str(streets), name="deep")
    losses = [line["loss"] for line in result.run.history() if line["kind"] == "step"]
    assert losses[-1] < losses[0]
    plain = UNet(4, 2)
    model, card = checkpoint.load(result.run.folder / "best")
    assert type(model) is UNet
    assert list(model.state_dict()) == list(plain.state_dict())
    assert (card.arguments, card.parameters) == ({"start_channels": 4, "depth": 2}, count_parameters(plain))
    for part in ("best", "last"):
        assert set(load_file(result.run.folder / part / "model.safetensors")) == set(plain.state_dict())


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


def test_the_average_of_the_weights_is_what_is_scored_and_kept(tiny, workplace, streets):
    result = api.train(tiny(ema_decay=0.9, epochs=2), str(streets), name="averaged")
    kept = load_file(result.run.folder / "best" / "model.safetensors")
    raw = load_file(result.run.folder / "last" / "model.safetensors")
    state = torch.load(result.run.folder / "last" / "state.pt", weights_only=True)
    assert result.best_epoch == 2
    assert all(torch.equal(kept[name], state["average"][name]) for name in kept)
    assert not torch.equal(kept["head.weight"], raw["head.weight"])


def test_a_run_without_progress_ends_early_and_finished(tiny, workplace, streets):
    """A learning rate that changes nothing never beats the first epoch."""
    still = tiny(epochs=9, patience=2, learning_rate=1e-12, schedule="constant", flip=False, weight_decay=0.0)
    result = api.train(still, str(streets), name="stalled")
    scores = [line["val"]["macro"]["f1"] for line in result.run.epochs()]
    assert result.state == "finished"
    best = int(np.argmax(scores)) + 1
    assert (result.best_epoch, result.epochs_done) == (best, best + 2)
    assert len(scores) < 9


def test_frames_with_rare_classes_are_drawn_more_often(tiny, workplace, streets, monkeypatch):
    drawn = []
    make = training.make_train_step

    def counting(*arguments):
        step = make(*arguments)

        def one(indices, *place):
            drawn.extend(indices.tolist())
            return step(indices, *place)

        return one

    monkeypatch.setattr(training, "make_train_step", counting)
    recipe = tiny(rare_frames=1, epochs=12)
    api.train(recipe, str(streets), name="rare")
    frames = training.DeviceSplit(api.prepare(str(streets), recipe.image_size)["train"], torch.device("cpu"))
    factors = frames.repeat_factors(1)
    assert factors is not None
    expected = factors / factors.sum() * len(drawn)
    assert float(factors.max()) > 1.2 * float(factors.min())
    assert len(drawn) == 12 * len(frames)
    np.testing.assert_allclose(np.bincount(drawn, minlength=len(frames)), expected.numpy(), atol=6)
    assert np.corrcoef(np.bincount(drawn, minlength=len(frames)), expected.numpy())[0, 1] > 0.5
