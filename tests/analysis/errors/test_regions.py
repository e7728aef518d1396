"""Error regions and label audits against a flood fill and simple sums."""

from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.errors import label_audit, regions
from cityseg.analysis.errors.label_audit import Disagreement
from cityseg.analysis.errors.regions import Region


def flooded(truth: np.ndarray, predicted: np.ndarray) -> set[tuple[int, int, frozenset[tuple[int, int]]]]:
    """Every region as (truth, predicted, pixels), by walking from pixel to pixel."""
    left = {(y, x) for y, x in np.ndindex(truth.shape) if truth[y, x] < 19 and truth[y, x] != predicted[y, x]}
    found = set()
    while left:
        todo, pixels = [left.pop()], set()
        while todo:
            y, x = todo.pop()
            pixels.add((y, x))
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if near in left and truth[near] == truth[y, x] and predicted[near] == predicted[y, x]:
                    left.remove(near)
                    todo.append(near)
        y, x = next(iter(pixels))
        found.add((int(truth[y, x]), int(predicted[y, x]), frozenset(pixels)))
    return found


def pixels_of(region: Region) -> frozenset[tuple[int, int]]:
    top, left, bottom, right = region.box
    assert region.mask.shape == (bottom - top, right - left)
    return frozenset((int(y) + top, int(x) + left) for y, x in np.argwhere(region.mask))


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    truth = rng.choice(np.array([0, 11, 18, 255], np.uint8), (14, 23))
    predicted = np.where(rng.random(truth.shape) < 0.6, rng.choice(np.array([0, 11, 18], np.uint8), truth.shape), 18)
    return truth, predicted.astype(np.uint8), rng.random(truth.shape).astype(np.float32)


def test_regions_are_those_of_a_flood_fill(maps):
    truth, predicted, confidence = maps
    found = regions.find(truth, predicted, confidence)
    assert {(each.truth, each.predicted, pixels_of(each)) for each in found} == flooded(truth, predicted)
    assert [each.area for each in found] == sorted((each.area for each in found), reverse=True)
    for each in found:
        mean = np.mean([confidence[pixel] for pixel in pixels_of(each)])
        assert each.confidence == pytest.approx(mean)


def test_regions_can_be_limited_by_area_and_pair(maps):
    truth, predicted, confidence = maps
    everything = flooded(truth, predicted)
    large = regions.find(truth, predicted, confidence, least=4)
    assert {pixels_of(each) for each in large} == {pixels for _, _, pixels in everything if len(pixels) >= 4}
    pair = regions.find(truth, predicted, confidence, pair=(11, 0))
    assert {pixels_of(each) for each in pair} == {pixels for i, j, pixels in everything if (i, j) == (11, 0)}
    assert pair


def test_a_correct_prediction_has_no_regions(maps):
    truth, _, confidence = maps
    assert regions.find(truth, np.where(truth == 255, 0, truth).astype(np.uint8), confidence) == []


def test_bands_count_each_quarter_of_the_rows(maps):
    truth, predicted, _ = maps
    bands = label_audit.band_matrices(truth, predicted)
    expected = np.zeros((4, 19, 19), int)
    for y, x in np.ndindex(truth.shape):
        if truth[y, x] != 255:
            expected[y * 4 // 14, truth[y, x], predicted[y, x]] += 1
    np.testing.assert_array_equal(bands, expected)


def test_sizes_count_every_object_s_pixels():
    """A frame of 100 x 100: objects of 9, 10, 99 and 100 pixels lie on both sides of the two ends."""
    truth = np.full((100, 100), 255, np.uint8)
    truth[0, :9], truth[2, :10] = 11, 11
    truth[10:19, :11], truth[30:40, :10] = 13, 13
    truth[50, 0], truth[51, 1] = 11, 11  # one object, by its corner
    predicted = np.where(np.arange(100)[None] % 2, 11, 13).repeat(100, 0).reshape(100, 100).astype(np.uint8)
    found = label_audit.size_matrices(truth, predicted)
    expected = np.zeros((3, 19, 19), int)
    for rows, columns, size, train_id in (
        (range(1), range(9), 0, 11),
        (range(2, 3), range(10), 1, 11),
        (range(10, 19), range(11), 1, 13),
        (range(30, 40), range(10), 2, 13),
        (range(50, 51), range(1), 0, 11),
        (range(51, 52), range(1, 2), 0, 11),
    ):
        for y in rows:
            for x in columns:
                expected[size, train_id, predicted[y, x]] += 1
    np.testing.assert_array_equal(found, expected)


def disagreement(frame: int, truth: int, predicted: int, area: int, confidence: float) -> Disagreement:
    region = Region(truth, predicted, (0, 0, 1, area), np.ones((1, area), bool), confidence)
    return Disagreement(frame, f"frame-{frame}", region)


def test_confident_disagreements_are_listed_largest_first():
    found = [
        disagreement(0, 0, 1, 5, 0.9),
        disagreement(1, 0, 1, 9, 0.79),
        disagreement(2, 2, 1, 7, 0.8),
        disagreement(1, 3, 1, 5, 0.95),
    ]
    assert [each.frame for each in label_audit.largest_first(found, 0.8)] == [2, 0, 1]


def test_only_regions_with_the_verdict_are_excluded():
    matrices = np.arange(2 * 361).reshape(2, 19, 19)
    before = matrices.copy()
    found = [disagreement(0, 3, 4, 5, 0.9), disagreement(1, 3, 4, 2, 0.9), disagreement(1, 5, 6, 8, 0.9)]
    verdicts = {found[0].key: "label wrong", found[1].key: "model wrong", "a region of other weights": "label wrong"}
    left = label_audit.exclude(matrices, found, verdicts, "label wrong")
    assert np.argwhere(left != before).tolist() == [[0, 3, 4]]
    assert left[0, 3, 4] == before[0, 3, 4] - 5
    np.testing.assert_array_equal(matrices, before)
