"""A published model is the run's best weights, rounded, with scores measured from what is stored."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cityseg import api, config
from cityseg.api.making import new_run
from cityseg.errors import UsageError

SETTINGS = ["epochs=1", "batch_size=4", "image_size=32x64", "precision=float32"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITYSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CITYSEG_RUNS", str(tmp_path / "runs"))
    api.synthesize(tmp_path / "set", 8)
    return str(tmp_path / "set")


def test_published_folder_tells_all_and_nothing_private(data, tmp_path):
    run = api.train(config.override(config.preset("experiment-1"), SETTINGS), data, name="small")
    shipped = api.publish("small", data, root=tmp_path / "shipped", trained_on="Drawn streets", terms="None at all.")
    folder = tmp_path / "shipped" / "small"
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {
        torch.bfloat16,
        torch.int64,  # the batch counters of the normalisation layers
    }
    again = api.evaluate(str(folder), data, "test")
    for key, value in shipped.scores["test"].items():
        assert again[key] == value, key
    assert shipped.data == "Drawn streets"
    assert shipped.config == run.config
    assert len(shipped.run.epochs()) == 1
    stored = shipped.run.confusions("test").matrices
    assert stored.sum() == again["pixels"]
    assert np.trace(stored.sum(0)) / stored.sum() == pytest.approx(again["pixel_accuracy"], abs=1e-6)
    written = (folder / "config.json").read_text() + (folder / "model.json").read_text()
    assert str(tmp_path) not in written
    assert "host" not in json.loads((folder / "config.json").read_text())
    card = (folder / "README.md").read_text()
    assert "None at all." in card
    speed = json.loads((folder / "model.json").read_text())["speed"]
    assert f"{speed['onnx_frames_per_second']:.1f} by ONNX Runtime" in card
    assert 0 < speed["onnx_frames_per_second"] < 1e5
    assert f"{again['macro']['f1']:.3f}" in card
    robustness = api.find_robustness(str(folder), "val", shipped.scores["val"]["fingerprint"])
    assert robustness is not None
    assert f"On average over the changes {robustness.mean_f1:.3f} is left" in card
    for each in robustness.changed:
        assert f"| {each.name} | {each.words} | {each.f1[0]:.3f}" in card


def test_a_shipped_model_is_measured_anew_in_its_place(data, tmp_path):
    api.train(config.override(config.preset("experiment-1"), SETTINGS), data, name="small")
    shipped = api.publish("small", data, root=tmp_path / "shipped", trained_on="Drawn streets")
    folder = shipped.run.folder
    weights, history = (folder / "model.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    api.synthesize(tmp_path / "other", 8, 1)
    again = api.publish(str(folder), str(tmp_path / "other"), trained_on="Drawn streets")
    assert again.run.folder == folder
    assert ((folder / "model.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()) == (weights, history)
    assert again.scores["test"]["fingerprint"] != shipped.scores["test"]["fingerprint"]
    assert again.scores["test"]["macro"] == api.evaluate(str(folder), str(tmp_path / "other"), "test")["macro"]


def test_the_card_names_what_a_model_was_built_on_and_no_folder(data, tmp_path):
    api.train(config.override(config.preset("experiment-1"), SETTINGS), data, name="first")
    folder = tmp_path / "runs" / "first"
    built = [*SETTINGS, f"initial={folder}", f"teacher={folder}", "teacher_weight=0.3"]
    api.train(config.override(config.preset("experiment-1"), built), data, name="second")
    shipped = api.publish("second", data, root=tmp_path / "shipped", trained_on="Drawn streets").run.folder
    card = (shipped / "README.md").read_text()
    assert "- Started from the weights of first." in card
    assert "- Learnt from first beside the labels, which decided 70 % of the loss." in card
    for file in ("README.md", "config.json", "model.json"):
        assert str(tmp_path) not in (shipped / file).read_text()


def test_unfinished_run_is_not_published(data, tmp_path):
    run = new_run(config.override(config.preset("experiment-1"), SETTINGS), data, "waiting")
    with pytest.raises(UsageError, match=r"waiting: expected a finished run, found it queued"):
        api.publish(run.id, data, root=tmp_path / "shipped")
    assert not (tmp_path / "shipped").exists()
