"""``cityseg predict``: what the predict page can, the command line can too."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cityseg.inference import Prediction, Predictor
from cityseg.labels import CLASS_NAMES, PALETTE, to_label_ids


@pytest.fixture
def runs(trained):
    """The folder that holds the trained run."""
    return trained.folder.parent


@pytest.fixture
def document(cityseg):
    """Call with --json and return the document."""

    def call(*words: object):
        answer = cityseg(*words, "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out)

    return call


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my street.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (45, 91, 3), dtype=np.uint8)).save(path)
    return path


def table(result: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(result["files"]["classes"]).read_text().splitlines()))


def test_predict_leaves_pixels_unknown(workplace, trained, runs, photo, document, cityseg):
    pixels = np.asarray(Image.open(photo))
    prediction = Predictor.load(trained.checkpoint).predict(pixels, "crop")
    looked = prediction.train_ids != 255
    least = int(100 * np.median(prediction.confidence[looked])) + 1
    below = looked & (np.floor(prediction.confidence * 100) < least)
    assert 0 < below.sum() < looked.sum() < looked.size
    words = ("predict", "tiny", photo, "--out", "seen", "--runs", runs, "--fit", "crop", "--unknown", least / 100)
    (whole,) = document(*words[:-2])
    (result,) = document(*words)
    assert result["unknown"] == pytest.approx(below.sum() / looked.sum())
    assert (result["unknown_below"], whole["unknown_below"], whole["unknown"]) == (least / 100, 0, 0)
    assert result["shares"] == whole["shares"]
    assert result["mean_confidence"] == pytest.approx(prediction.confidence[looked].mean())
    expected = np.where(below, 0, to_label_ids(prediction.train_ids))
    np.testing.assert_array_equal(np.asarray(Image.open(result["files"]["labelIds"])), expected)
    colors = np.where(below[..., None], 128, PALETTE[prediction.train_ids])
    np.testing.assert_array_equal(np.asarray(Image.open(result["files"]["color"])), colors)
    mixed = np.where(looked[..., None], np.rint(0.45 * pixels + 0.55 * colors), pixels)
    assert np.abs(np.asarray(Image.open(result["files"]["overlay"])) - mixed).max() <= 1
    rows = table(result)
    for row in rows:
        mine = prediction.train_ids == CLASS_NAMES.index(row["class"])
        assert (int(row["pixels"]), int(row["unknown_pixels"])) == (mine.sum(), (mine & below).sum())
    assert [row["class"] for row in rows] == list(result["shares"])
    said = cityseg(*words).out
    assert f"  {below.sum() / looked.sum():.1%} unknown, below a confidence of {least / 100:g}" in said


def test_predict_counts_the_objects_as_the_page_does(workplace, trained, runs, photo, document, cityseg, monkeypatch):
    seen = np.zeros((45, 91), np.uint8)
    car, bus, person = (CLASS_NAMES.index(name) for name in ("car", "bus", "person"))
    seen[5:10, 5:10] = seen[5:10, 20:25] = car
    seen[20:30, 5:10] = seen[20:30, 30:40] = bus
    seen[40:44, 80:82] = person
    plain = np.zeros(seen.shape, np.float32)
    monkeypatch.setattr(Predictor, "predict", lambda *_, **__: Prediction(seen, plain + 0.9, plain, 1.0))
    words = ("predict", "tiny", photo, "--out", "seen", "--runs", runs)
    (result,) = document(*words)
    assert result["objects"] == {"person": 1, "car": 2, "bus": 2}
    assert "  about 1 person, 2 cars, 2 buses; objects that touch count as one" in cityseg(*words).out.splitlines()
    rows = {row["class"]: row["objects"] for row in table(result)}
    assert rows == {"road": "", "bus": "2", "car": "2", "person": "1"}
