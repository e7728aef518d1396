"""Published models: rounded weights, scores measured from them, and the model card."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cityseg import api, config
from cityseg.api.training.create_run import new_run
from cityseg.errors import DataError, UsageError


@pytest.fixture(scope="module")
def shipped(data, folder, short_config):
    """A published model with initial weights and a teacher of the same network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYSEG_CACHE", str(folder / "cache"))
        api.train(short_config, data, name="first", runs=folder / "runs")
        first = folder / "runs" / "first"
        short_config = config.override(
            short_config, [f"initial={first}", f"teacher={first}", "teacher_weight=0.3", "label_doubt=0.01"]
        )
        api.train(short_config, data, name="small", runs=folder / "runs")
        words = {"trained_on": "Synthetic scenes", "terms": "None at all."}
        return api.publish("small", data, runs=folder / "runs", root=folder / "shipped", **words)


def test_the_published_folder_is_complete_and_holds_nothing_private(data, folder, shipped):
    run = api.find_result("small")
    folder = shipped.run.folder
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {
        torch.bfloat16,
        torch.int64,  # the batch counters of the normalisation layers
    }
    again = api.evaluate(str(folder), data, "test")
    for key, value in shipped.scores["test"].items():
        assert again[key] == value, key
    assert shipped.data == "Synthetic scenes"
    names = {"initial": "first", "teacher": "first"}
    assert shipped.config.model_dump() == {**run.config.model_dump(), **names}
    assert len(shipped.run.epochs()) == 1
    stored = shipped.run.confusions("test").matrices
    assert stored.sum() == again["pixels"]
    assert np.trace(stored.sum(0)) / stored.sum() == pytest.approx(again["pixel_accuracy"], abs=1e-6)
    for file in ("README.md", "config.json", "model.json"):
        assert str(folder.parents[1]) not in (folder / file).read_text()
    assert "host" not in json.loads((folder / "config.json").read_text())
    card = (folder / "README.md").read_text()
    assert "None at all." in card
    assert "- Initial weights: first." in card
    assert "- Distilled from first; the labels made up 70 % of the loss." in card
    assert "- Labels whose class had a probability below 0.01 from first were left out." in card
    speed = json.loads((folder / "model.json").read_text())["speed"]
    assert f"{speed['onnx_frames_per_second']:.1f} with ONNX Runtime" in card
    assert 0 < speed["onnx_frames_per_second"] < 1e5
    assert f"{again['macro']['f1']:.3f}" in card
    robustness = api.find_robustness(str(folder), "val", shipped.scores["val"]["fingerprint"])
    assert robustness is not None
    assert f"The average over the corruptions is {robustness.mean_f1:.3f}, " in card
    for each in robustness.changed:
        assert f"| {each.name} | {each.words} | {each.f1[0]:.3f}" in card


def test_a_shipped_model_is_measured_again_in_place(folder, shipped):
    other, folder = folder / "other", shutil.copytree(shipped.run.folder, folder / "copied")
    weights, history = (folder / "model.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    api.synthesize(other, 8, 1)
    again = api.publish(str(folder), str(other))
    assert again.run.folder == folder
    assert (again.data, again.measured_on) == ("Synthetic scenes", api.data_info(str(other)).description)
    card = (folder / "README.md").read_text()
    assert "- Trained on: Synthetic scenes, train split, 1 epochs" in card
    assert f"## Scores, measured at each label's own size on {again.measured_on}" in card
    assert "- Terms: None at all." in card
    assert "- Initial weights: first." in card
    assert ((folder / "model.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()) == (weights, history)
    assert again.scores["test"]["fingerprint"] != shipped.scores["test"]["fingerprint"]
    assert again.scores["test"]["macro"] == api.evaluate(str(folder), str(other), "test")["macro"]


def test_stored_robustness_is_kept(data, folder, shipped, monkeypatch):
    known = (shipped.run.folder / "robustness-val.json").read_bytes()
    monkeypatch.setattr("cityseg.api.results.robustness.engine", None)
    again = api.publish(str(shipped.run.folder), data)
    assert (again.run.folder / "robustness-val.json").read_bytes() == known
    assert "## Robustness to image corruptions" in (again.run.folder / "README.md").read_text()
    assert again.scores == shipped.scores


def test_a_failure_leaves_the_shipped_model_unchanged(folder, shipped, monkeypatch):
    before = {path.name: path.read_bytes() for path in shipped.run.folder.iterdir()}
    root = shipped.run.folder.parent
    with pytest.raises(UsageError, match="typo"):
        api.publish(shipped.id, str(folder / "typo"), root=root)

    def broken(*words):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(sys.modules["cityseg.api.models.publish"], "through_onnx", broken)
    with pytest.raises(RuntimeError, match="no such operator"):
        api.publish(str(shipped.run.folder), str(folder / "set"), trained_on="Something else")
    assert {path.name: path.read_bytes() for path in shipped.run.folder.iterdir()} == before
    assert [path.name for path in root.iterdir()] == [shipped.run.folder.name]


def test_data_without_val_and_test_frames_is_an_error(folder, shipped, tmp_path):
    shutil.copytree(folder / "set", tmp_path / "set")
    for kind in ("leftImg8bit", "gtFine"):
        for split in ("val", "test"):
            shutil.rmtree(tmp_path / "set" / kind / split, ignore_errors=True)
    with pytest.raises(DataError) as refused:
        api.publish(str(shipped.run.folder), str(tmp_path / "set"))
    assert str(refused.value) == ("set: expected val or test frames to measure on, found train frames alone; add some")


def test_an_unfinished_run_is_an_error(data, folder, short_config):
    run = new_run(short_config, data, "waiting")
    with pytest.raises(UsageError, match=r"waiting: expected a finished run, found it queued"):
        api.publish(run.id, data, root=folder / "nothing")
    assert not (folder / "nothing").exists()
