"""Robustness to image corruptions, measured through the API and the command line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score

from cityseg import api, checkpoint
from cityseg.api.results import robustness
from cityseg.api.results.sidecar import write_finding
from cityseg.data.augmentation.corruptions import CORRUPTIONS, corrupted
from cityseg.data.batches import DeviceSplit
from cityseg.runs import Run


@pytest.fixture
def own(trained, workplace):
    """A copy of the trained run."""
    return Run(shutil.copytree(trained.folder, workplace / "runs" / "tiny"))


def test_scores_equal_scikit_learn_on_corrupted_frames(own, streets):
    found = api.measure_robustness("tiny", str(streets))
    assert [each.name for each in found.changed] == [each.name for each in CORRUPTIONS]
    model, card = checkpoint.load(own.checkpoint)
    prepared = api.prepare(str(streets), card.image_size)["val"]
    frames = DeviceSplit(prepared, torch.device("cpu"))
    truth_at_label_size = torch.from_numpy(np.stack([prepared.truth[index] for index in range(len(prepared))]))
    for at in (0, 4, 10):
        photos, labels = corrupted(frames.photos, truth_at_label_size, CORRUPTIONS[at])
        with torch.no_grad():
            probabilities = (model(card.normalization.apply(photos)) / card.temperature).softmax(1)
        predicted = F.interpolate(probabilities, (64, 128), mode="bilinear").argmax(1).numpy()
        truth = labels.numpy()
        scored = truth < 19
        occurring = np.union1d(truth[scored], predicted[scored])
        expected = f1_score(truth[scored], predicted[scored], labels=occurring, average="macro", zero_division=0)
        assert found.changed[at].f1[0] == pytest.approx(expected, abs=1e-9)
    assert found.plain.f1[0] == pytest.approx(card.scores["val"]["macro"]["f1"], abs=1e-9)
    assert found.mean_f1 == pytest.approx(np.mean([each.f1[0] for each in found.changed]))
    assert found.retained == pytest.approx(found.mean_f1 / found.plain.f1[0])


def test_stored_scores_belong_to_their_weights_and_frames(own, streets):
    passes = []
    found = api.measure_robustness("tiny", str(streets), on_progress=lambda done, total: passes.append((done, total)))
    assert passes[-1] == (2 * (1 + len(CORRUPTIONS)),) * 2
    passes.clear()
    assert api.measure_robustness("tiny", str(streets), on_progress=lambda *counts: passes.append(counts)) == found
    assert len(passes) <= 1, "stored scores are returned at once"
    fingerprint = checkpoint.read_card(own.checkpoint).scores["val"]["fingerprint"]
    assert api.find_robustness("tiny", "val", fingerprint) == found
    assert api.find_robustness("tiny", "val", "other frames") is None
    with (own.checkpoint / "model.safetensors").open("ab") as weights:
        weights.write(b" ")
    assert api.find_robustness("tiny", "val", fingerprint) is None


def test_a_shipped_model_has_scores_on_its_own_and_on_other_frames(own, streets, tmp_path):
    folder = shutil.copytree(own.checkpoint, tmp_path / "shipped")
    shipped = str(folder)
    api.measure_robustness(shipped, str(streets), keep_in=folder)
    api.synthesize(tmp_path / "other", 8, 1)
    elsewhere = api.measure_robustness(shipped, str(tmp_path / "other"))
    passes = []
    for data in (streets, tmp_path / "other"):
        again = api.measure_robustness(shipped, str(data), on_progress=lambda *counts: passes.append(counts))
        assert (again == elsewhere) == (data != streets)
    assert len(passes) <= 2, "both are stored"


def test_damaged_scores_are_ignored(own, streets):
    api.measure_robustness("tiny", str(streets))
    fingerprint = checkpoint.read_card(own.checkpoint).scores["val"]["fingerprint"]
    (file,) = api.robustness_files(own, "val")
    for damaged in ("", "[]", file.read_text()[:200], json.dumps({"stamp": 1})):
        file.write_text(damaged)
        assert api.find_robustness("tiny", "val", fingerprint) is None


def test_the_command_line_prints_each_corruption(own, streets, cityseg):
    answer = cityseg("robustness", "tiny", "--data", streets, "--json")
    document = json.loads(answer.out)
    assert [each["name"] for each in document["changed"]] == [each.name for each in CORRUPTIONS]
    lines = cityseg("robustness", "tiny", "--data", streets).out.splitlines()
    assert lines[0].startswith(f"tiny on 2 frames of val: macro F1 {document['plain']['f1'][0]:.3f} uncorrupted, ")
    rows = {line.split("  ")[0].strip(): line for line in lines}
    for each in document["changed"]:
        assert f"{each['f1'][0]:.3f}" in rows[each["name"]]
    assert cityseg("robustness", "missing").code == 2


@pytest.mark.parametrize(
    "damage",
    [
        {"frames": "two"},
        {"size": 64},
        {"plain": {"name": "", "words": "as it is", "f1": ["0.5", None, None], "iou": [0.5, None, None]}},
        {"plain": {"name": "", "words": "as it is", "f1": [0.5, None], "iou": [0.5, None, None]}},
        {"plain": {"name": "", "words": "as it is", "f1": [None, None, None], "iou": [0.5, None, None]}},
        {"plain": {"name": "", "words": "as it is", "f1": [7.0, None, None], "iou": [0.5, None, None]}},
        {"changed": [{"name": "fog"}]},
    ],
)
def test_damaged_scores_count_as_none(own, streets, damage):
    fingerprint = checkpoint.read_card(own.checkpoint).scores["val"]["fingerprint"]
    path = own.folder / "robustness-val.json"
    scores = {"name": "", "words": "as it is", "f1": [0.5, 0.4, 0.6], "iou": [0.4, None, None]}
    whole = {"frames": 3, "size": None, "plain": scores, "changed": [{**scores, "name": "fog"}]}
    write_finding(path, own, fingerprint, robustness._VERSION, whole)
    assert api.find_robustness("tiny", "val", fingerprint).mean_f1 == 0.5
    write_finding(path, own, fingerprint, robustness._VERSION, {**whole, **damage})
    assert api.find_robustness("tiny", "val", fingerprint) is None
