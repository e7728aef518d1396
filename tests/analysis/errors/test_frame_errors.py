"""Rankings and error maps against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from cityseg.analysis.errors import frame_errors
from cityseg.analysis.errors.frame_errors import ConfusedPair


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction of 12 small frames, (12, 8, 10) train ids, each frame with few classes."""
    rng = np.random.default_rng(0)
    truth = np.stack([rng.choice(rng.integers(0, 19, 4), (8, 10)) for _ in range(12)])
    wrong = rng.integers(0, 19, truth.shape)
    share = rng.random((12, 1, 1))
    return truth, np.where(rng.random(truth.shape) < share, wrong, truth)


def _matrices(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    matrices = np.zeros((len(truth), 19, 19), np.int64)
    for frame in range(len(truth)):
        for cell in zip(truth[frame].ravel(), predicted[frame].ravel(), strict=True):
            matrices[frame][cell] += 1
    return matrices


def test_frames_are_scored_as_scikit_learn_scores_them(maps: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = maps
    matrices = _matrices(truth, predicted)
    flat = [(truth[i].ravel(), predicted[i].ravel()) for i in range(len(truth))]
    f1 = [f1_score(a, b, average="macro", zero_division=0) for a, b in flat]
    iou = [jaccard_score(a, b, average="macro", zero_division=0) for a, b in flat]
    np.testing.assert_allclose(frame_errors.frame_values(matrices, "f1"), f1)
    np.testing.assert_allclose(frame_errors.frame_values(matrices, "iou"), iou)
    np.testing.assert_allclose(frame_errors.frame_values(matrices, "pixel_accuracy"), (truth == predicted).mean((1, 2)))
    assert frame_errors.worst_first(frame_errors.frame_values(matrices, "f1")).tolist() == sorted(
        range(12), key=lambda i: f1[i]
    )


def test_a_class_is_ranked_only_where_it_occurs_and_ties_by_its_pixels() -> None:
    matrices = np.zeros((5, 19, 19), np.int64)
    matrices[0, 11, 11] = 8  # all right
    matrices[1, 11, 13] = 3  # never found, few pixels
    matrices[2, 0, 0] = 9  # no person at all
    matrices[3, 11, 13] = 7  # never found, more pixels
    matrices[4, 2, 11] = 5  # seen where there is none
    values = frame_errors.class_values(matrices, 11)
    np.testing.assert_array_equal(values, [1, 0, np.nan, 0, 0])
    assert frame_errors.class_pixels(matrices, 11).tolist() == [8, 3, 0, 7, 5]
    assert frame_errors.worst_first(values, frame_errors.class_pixels(matrices, 11)).tolist() == [3, 4, 1, 0]
    assert frame_errors.most_confused_first(matrices, 11, 13).tolist() == [3, 1]


def test_a_frame_without_labelled_pixels_is_left_out() -> None:
    matrices = np.zeros((2, 19, 19), np.int64)
    matrices[1, 0, 0] = 1
    assert frame_errors.worst_first(frame_errors.frame_values(matrices, "f1")).tolist() == [1]
    assert np.isnan(frame_errors.frame_values(matrices, "pixel_accuracy")[0])


def test_pairs_by_share_bring_out_rare_classes_and_by_pixels_large_ones() -> None:
    confusion = np.zeros((19, 19), np.int64)
    confusion[0, 0], confusion[0, 1] = 900, 100  # road
    confusion[12, 12], confusion[12, 11] = 2, 8  # rider
    rider, road = ConfusedPair(12, 11, 8, 0.8), ConfusedPair(0, 1, 100, 0.1)
    assert frame_errors.confused_pairs(confusion) == (rider, road)
    assert frame_errors.confused_pairs(confusion, by="pixels") == (road, rider)
    assert frame_errors.confused_pairs(confusion, limit=1) == (rider,)
    mistaken = frame_errors.mistaken_for(confusion)
    assert (mistaken[0], mistaken[12], mistaken[5]) == (1, 11, -1)
    assert confusion[12, 12] == 2, "the counts are not changed"


def test_error_map_separates_categories_and_void() -> None:
    truth = np.array([[13, 13, 13, 255]], np.uint8)  # car
    predicted = np.array([[13, 14, 8, 8]], np.uint8)  # car, truck, vegetation
    assert frame_errors.error_map(truth, predicted).tolist() == [[0, 1, 2, 255]]


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_near_borders_equals_a_search_around_every_pixel(distance: int) -> None:
    train_ids = np.zeros((9, 12), np.uint8)
    train_ids[3:6, 4:] = 7
    touching = np.zeros(train_ids.shape, bool)
    for y, x in np.ndindex(train_ids.shape):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        touching[y, x] = any(0 <= v < 9 and 0 <= u < 12 and train_ids[v, u] != train_ids[y, x] for v, u in around)
    reach = distance - 1
    expected = np.zeros(train_ids.shape, bool)
    for y, x in np.argwhere(touching):
        expected[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = True
    np.testing.assert_array_equal(frame_errors.near_borders(train_ids, distance), expected)


def test_truth_pixels_equal_the_rows_of_the_matrix(maps: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = maps
    rows = _matrices(truth, predicted).sum(2)
    np.testing.assert_array_equal(frame_errors.truth_pixels(truth[0].astype(np.uint8)), rows[0])
    assert frame_errors.truth_pixels(np.full((2, 2), 255, np.uint8)).sum() == 0
