from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion

from cityseg.metrics.boundary import boundary_counts, boundary_distance, boundary_iou, near_contours


def inner_border(mask: np.ndarray, distance: int) -> np.ndarray:
    """The mask minus its erosion by ``distance`` steps."""
    return mask & ~binary_erosion(mask, np.ones((3, 3)), iterations=distance, border_value=0)


def maps(seed: int, size: tuple[int, int] = (30, 41), void: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(2, H, W) ground truth in blocks, and a shifted and noisy prediction."""
    random = np.random.default_rng(seed)
    truth = np.kron(random.integers(0, 19, (2, 4, 5)), np.ones((8, 9), int))[:, : size[0], : size[1]].astype(np.uint8)
    predicted = np.roll(truth, 2, axis=2)
    predicted[random.random(predicted.shape) < 0.01] = 3
    if void:
        truth[:, 10:14, 5:20] = 255
    return truth, predicted


@pytest.mark.parametrize("distance", [1, 2, 3, 6])
def test_near_contours_equals_masks_minus_their_erosion(distance):
    truth, _ = maps(0)
    wanted = np.zeros(truth.shape, bool)
    for frame, train_ids in enumerate(truth):
        for value in np.unique(train_ids):
            wanted[frame] |= inner_border(train_ids == value, distance)
    np.testing.assert_array_equal(near_contours(torch.from_numpy(truth), distance).numpy(), wanted)


@pytest.mark.parametrize("distance", [1, 2, 5])
def test_boundary_iou_equals_that_of_single_masks(distance):
    truth, predicted = maps(1)
    counts = boundary_counts(torch.from_numpy(truth), torch.from_numpy(predicted), distance).numpy()
    assert counts.shape == (2, 19, 3)
    clean = np.where(truth == 255, 255, predicted)
    for train_id in range(19):
        both = either = 0
        for one, other in zip(truth, clean, strict=True):
            a, b = inner_border(one == train_id, distance), inner_border(other == train_id, distance)
            both, either = both + (a & b).sum(), either + (a | b).sum()
        wanted = both / either if either else math.nan
        np.testing.assert_allclose(boundary_iou(counts.sum(0))[train_id], wanted, rtol=1e-12)


def test_a_perfect_prediction_scores_one_and_an_absent_class_nan():
    truth, _ = maps(2, void=False)
    found = boundary_iou(boundary_counts(torch.from_numpy(truth), torch.from_numpy(truth)).numpy().sum(0))
    present = np.isin(np.arange(19), truth)
    assert (found[present] == 1).all()
    assert np.isnan(found[~present]).all()


def test_predictions_on_void_do_not_count():
    truth, predicted = maps(3)
    other = np.where(truth == 255, 7, predicted).astype(np.uint8)
    counts = [boundary_counts(torch.from_numpy(truth), torch.from_numpy(guess)).numpy() for guess in (predicted, other)]
    np.testing.assert_array_equal(*counts)


def test_a_large_distance_reaches_everything():
    truth, predicted = maps(4, void=False)
    counts = boundary_counts(torch.from_numpy(truth), torch.from_numpy(predicted), 60).numpy().sum((0, 1))
    assert counts[0] == counts[1] == truth.size
    assert counts[2] == (truth == predicted).sum()


def test_distance_is_two_per_cent_of_the_diagonal():
    assert boundary_distance((1024, 2048)) == 46
    assert boundary_distance((128, 256)) == 6
    assert boundary_distance((8, 8)) == 1
