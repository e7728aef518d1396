from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve

from cityseg.metrics.calibration import calibration_counts, reliability, risk_coverage


@pytest.fixture
def pixels():
    """(ground truth, prediction, confidence) of 3 frames: overconfident, partly void."""
    random = np.random.default_rng(0)
    confidence = random.beta(4, 1, (3, 40, 50)).astype(np.float32)
    predicted = random.choice([0, 1, 13], confidence.shape, p=[0.6, 0.3, 0.1]).astype(np.uint8)
    right = random.random(confidence.shape) < confidence**2
    truth = np.where(right, predicted, (predicted + 1) % 19).astype(np.uint8)
    truth[random.random(truth.shape) < 0.1] = 255
    return truth, predicted, confidence


@pytest.fixture
def counts(pixels):
    return calibration_counts(*map(torch.from_numpy, pixels)).numpy()


def expect_curve(found, truth, predicted, confidence) -> None:
    scored = truth != 255
    right, sure = (truth == predicted)[scored], confidence[scored].astype(np.float64)
    accuracy, mean = calibration_curve(right, sure, n_bins=10)
    filled = found.share > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy, rtol=1e-6)
    np.testing.assert_allclose(found.confidence[filled], mean, rtol=1e-4)
    size = np.histogram(sure, np.linspace(0, 1, 11))[0]
    np.testing.assert_allclose(found.share, size / size.sum(), rtol=1e-9)
    gaps = [
        abs(right[inside].mean() - sure[inside].mean()) * inside.mean()
        for low in np.arange(10) / 10
        if (inside := (sure >= low) & (sure < low + 0.1)).any()
    ]
    np.testing.assert_allclose(found.error, sum(gaps), rtol=1e-4)


def test_reliability_of_all_classes_together(counts, pixels):
    expect_curve(reliability(counts), *pixels)


def test_reliability_of_one_predicted_class(counts, pixels):
    truth, predicted, confidence = pixels
    chosen = predicted == 1
    expect_curve(reliability(counts[1]), truth[chosen], predicted[chosen], confidence[chosen])


def test_a_calibrated_model_has_no_error(pixels):
    truth = np.zeros((1, 10, 100), np.uint8)
    predicted = np.where(np.arange(1000).reshape(truth.shape) % 10 < 8, 0, 1).astype(np.uint8)
    counts = calibration_counts(*map(torch.from_numpy, (truth, predicted, np.full(truth.shape, 0.8, np.float32))))
    assert reliability(counts.numpy()).error == pytest.approx(0, abs=1e-5)


def test_no_pixels_give_nan():
    found = reliability(np.zeros((19, 100, 3), np.int64))
    assert np.isnan(found.error)
    assert np.isnan(found.accuracy).all()


def test_certain_and_impossible_pixels_have_a_bin():
    truth = torch.zeros(1, 1, 2, dtype=torch.uint8)
    counts = calibration_counts(truth, truth, torch.tensor([[[1.0, 0.0]]])).numpy()
    assert counts[0, 99, 0] == counts[0, 0, 0] == 1


def test_risk_falls_with_the_rejection_threshold(counts, pixels):
    truth, predicted, confidence = pixels
    least, coverage, risk = risk_coverage(counts)
    scored = truth != 255
    assert coverage[0] == 1
    for place in (0, 50, 90):
        kept = scored & (confidence >= least[place])
        assert coverage[place] == pytest.approx(kept.sum() / scored.sum(), abs=1e-3)
        assert risk[place] == pytest.approx((truth != predicted)[kept].mean(), abs=1e-3)
    assert risk[90] < risk[50] < risk[0]
