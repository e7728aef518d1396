"""The summary of a prediction, against the whole prediction, and its object counts, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from cityseg.analysis.prediction import object_counts, summary
from cityseg.classes import CLASS_NAMES, CLASSES
from cityseg.inference.predictor import Prediction
from cityseg.metrics.calibration import calibration_counts


@pytest.fixture
def prediction() -> Prediction:
    random = np.random.default_rng(2)
    train_ids = random.integers(0, 19, (60, 90), np.uint8)
    train_ids[:, :7] = 255
    confidence = random.random((60, 90), np.float32)
    confidence[-1, -5:] = 1.0
    return Prediction(train_ids, confidence, random.random((60, 90), np.float32), 12.0)


def test_a_small_prediction_is_not_reduced(prediction: Prediction) -> None:
    found = summary.summarize(prediction)
    predicted = prediction.train_ids != 255
    assert np.array_equal(found.train_ids, prediction.train_ids)
    assert found.shares == prediction.shares()
    assert found.mean_confidence == pytest.approx(prediction.confidence[predicted].mean(), abs=1e-6)
    assert np.abs(found.entropy / 254 - prediction.entropy).max() <= 0.5 / 254 + 1e-6
    for least in (0, 1, 37, 50, 99):
        below = (prediction.confidence[predicted] < np.float32(least / 100)).mean()
        assert found.rejected_share(least) == pytest.approx(below, abs=1e-3)


def test_confidence_is_binned_as_the_calibration_on_val_is(prediction: Prediction) -> None:
    found = summary.summarize(prediction)
    whole = [torch.from_numpy(values)[None] for values in (prediction.train_ids, prediction.train_ids)]
    counts = calibration_counts(whole[0], whole[1], torch.from_numpy(prediction.confidence)[None])
    assert np.array_equal(found.confidence_counts, counts[:, :, 0].sum(0).numpy())


def test_a_large_prediction_is_reduced_but_not_its_figures(prediction: Prediction) -> None:
    small, whole = summary.summarize(prediction, max_side=30), summary.summarize(prediction)
    assert small.train_ids.shape == small.percent.shape == small.entropy.shape == (20, 30)
    # Every third pixel, the middle one of three.
    assert np.array_equal(small.train_ids, prediction.train_ids[1::3, 1::3])
    assert (small.shares, small.objects) == (whole.shares, whole.objects)
    assert small.mean_confidence == whole.mean_confidence
    assert np.array_equal(small.confidence_counts, whole.confidence_counts)


@pytest.mark.parametrize("size", [(7, 1000), (333, 517), (97, 98), (640, 3), (1201, 800)])
@pytest.mark.parametrize("max_side", [1, 60, 96, 250])
def test_reduced_maps_equal_pillow(size: tuple[int, int], max_side: int) -> None:
    values = np.random.default_rng(5).random(size, np.float32)
    reduced = summary.reduce_map(values, max_side)
    height, width = reduced.shape
    assert max(height, width) == min(max_side, max(size))
    assert np.array_equal(reduced, Image.fromarray(values).resize((width, height), Image.Resampling.NEAREST))


def test_a_void_prediction_has_an_empty_summary() -> None:
    nothing = Prediction(np.full((4, 6), 255, np.uint8), np.zeros((4, 6), np.float32), np.ones((4, 6), np.float32), 1.0)
    found = summary.summarize(nothing)
    assert (found.mean_confidence, found.rejected_share(50), found.objects) == (0.0, 0.0, {})


def test_objects_are_connected_regions_of_people_and_vehicles() -> None:
    random = np.random.default_rng(3)
    train_ids = ndimage.zoom(random.integers(0, 19, (20, 30)), 5, order=0).astype(np.uint8)
    expected = {}
    for place, label in enumerate(CLASSES):
        labelled, count = ndimage.label(train_ids == place, np.ones((3, 3)))
        areas = np.bincount(labelled.ravel(), minlength=count + 1)[1:]
        large = int((areas >= 0.003 * train_ids.size).sum())
        if label.has_instances and large:
            expected[label.name] = large
    assert object_counts.count(train_ids, min_share=0.003) == expected
    assert "road" not in object_counts.count(train_ids)


def test_a_tiny_region_is_not_an_object() -> None:
    train_ids = np.zeros((200, 300), np.uint8)
    person = CLASS_NAMES.index("person")
    train_ids[10:12, 10:13] = person
    assert object_counts.count(train_ids) == {"person": 1}
    train_ids[10, 10] = 0
    assert object_counts.count(train_ids) == {}
