from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cityseg import api, checkpoint, metrics
from cityseg.classes import PALETTE
from cityseg.engine import step as step_module
from cityseg.engine import train as training
from cityseg.engine.step import learning_rate
from cityseg.errors import DataError, TrainingError
from cityseg.models import UNet, count_parameters
from cityseg.runs import find_run

STEPS = 12
"""Of the tiny recipe: 7 frames in batches of 2, three epochs."""


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


def test_history_has_a_line_per_loss_reading_and_per_epoch(trained, tiny):
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
        for matrix, truth in zip(confusions.matrices, prepared[split].truth, strict=True):
            np.testing.assert_array_equal(matrix.sum(1), np.bincount(truth.ravel(), minlength=256)[:19])
        expected = {
            **metrics.summarize(confusions.matrices),
            "fingerprint": prepared[split].meta.fingerprint,
            "size": None,
            "label_policy": "train ids from labelIds, void ignored, nearest pixel",
        }
        assert stored == expected
    with np.load(trained.folder / "confusion-val.npz", allow_pickle=False) as stored:
        assert set(stored) == {"frames", "best", "last"}


def test_best_is_the_epoch_with_the_best_val_score(trained):
    card = checkpoint.read_card(trained.folder / "best")
    scores = [line["val"]["macro"]["f1"] for line in trained.epochs()]
    assert card.training["epoch"] == 1 + int(np.argmax(scores))
    # The final scores use the temperature, which was not fitted yet.
    assert card.scores["val"]["macro"]["f1"] == pytest.approx(max(scores), abs=0.01)
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
        # The matrix counts four times as many pixels, at the label's size, but no void ones.
        assert set(np.flatnonzero(matrix.sum(0))) >= set(np.flatnonzero(counts > 20))
        assert 0 < matrix.sum() <= 4 * counts.sum()


def test_evaluating_the_run_gives_the_stored_figures(trained, streets, session_cache, monkeypatch):
    monkeypatch.setenv("CITYSEG_CACHE", str(session_cache))
    stored = checkpoint.read_card(trained.folder / "best").scores
    for split in ("val", "test"):
        measured = api.evaluate(trained.id, str(streets), split, runs=trained.folder.parent)
        assert {key: measured[key] for key in stored[split]} == stored[split]


def spoiled(monkeypatch: pytest.MonkeyPatch, spoil) -> None:
    build = step_module.build_network

    def damaged(*arguments):
        model = build(*arguments)
        with torch.no_grad():
            spoil(model)
        return model

    monkeypatch.setattr(step_module, "build_network", damaged)


def test_non_finite_loss_ends_the_run(tiny, workplace, streets, monkeypatch):
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


def test_non_finite_val_loss_ends_the_run(tiny, workplace, streets, monkeypatch):
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


def test_a_deeply_supervised_run_leaves_a_plain_network(tiny, workplace, streets):
    result = api.train(
        tiny(deep_supervision=0.5, epochs=2, ema_decay=0.9, depth=2, learning_rate=0.02), str(streets), name="deep"
    )
    losses = [line["loss"] for line in result.run.history() if line["kind"] == "step"]
    assert losses[-1] < losses[0]
    plain = UNet(4, 2)
    model, card = checkpoint.load(result.run.folder / "best")
    assert type(model) is UNet
    assert list(model.state_dict()) == list(plain.state_dict())
    assert (card.arguments, card.parameters) == ({"start_channels": 4, "depth": 2}, count_parameters(plain))
    for part in ("best", "last"):
        assert set(load_file(result.run.folder / part / "model.safetensors")) == set(plain.state_dict())


def test_weight_average_is_scored_and_saved(tiny, workplace, streets):
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


def test_frames_with_rare_classes_are_sampled_more_often(tiny, workplace, streets, monkeypatch):
    drawn = []
    make = step_module.make_train_step

    def counting(*arguments):
        step = make(*arguments)

        def one(indices, *place):
            drawn.extend(indices.tolist())
            return step(indices, *place)

        return one

    monkeypatch.setattr(step_module, "make_train_step", counting)
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
