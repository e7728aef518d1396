"""Agreement of label maps, against counting by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from cityseg.analysis.prediction import agreement
from cityseg.classes import CLASS_NAMES


def maps(count: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.choice([0, 1, 2, 255], (9, 14), p=[0.5, 0.2, 0.2, 0.1]).astype(np.uint8) for _ in range(count)]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_dissenting_models_are_those_outside_the_majority(count: int) -> None:
    label_maps = maps(count)
    found = agreement.agreement(label_maps)
    compared, same = 0, 0
    for place in np.ndindex(9, 14):
        votes = [int(one[place]) for one in label_maps]
        if 255 in votes:
            assert found.dissenting[place] == 255
            continue
        largest = Counter(votes).most_common(1)[0][1]
        assert found.dissenting[place] == count - largest
        compared, same = compared + 1, same + (len(set(votes)) == 1)
    assert found.share == pytest.approx(same / compared)


def test_share_is_nan_without_common_pixels() -> None:
    void = np.full((2, 3), 255, np.uint8)
    assert np.isnan(agreement.agreement([void, np.zeros_like(void)]).share)


def test_the_largest_differences_are_those_that_scipy_finds() -> None:
    random = np.random.default_rng(4)
    first = ndimage.zoom(random.integers(0, 4, (6, 8)), 8, order=0).astype(np.uint8)
    second = ndimage.zoom(random.integers(0, 4, (8, 6)), (6, 64 / 6), order=0).astype(np.uint8)
    areas = []
    for pair in {(int(a), int(b)) for a, b in zip(first.ravel(), second.ravel(), strict=True) if a != b}:
        labelled, count = ndimage.label((first == pair[0]) & (second == pair[1]), np.ones((3, 3)))
        areas += [(int((labelled == index).sum()), pair) for index in range(1, count + 1)]
    found = agreement.largest_differences(first, second, count=3)
    # Only the six pairs of most pixels are searched; the largest region of all lies in one of them here.
    assert found[0].area == max(areas)[0]
    assert [region.area for region in found] == sorted((region.area for region in found), reverse=True)
    assert all((region.area, (region.truth, region.predicted)) in areas for region in found)


def test_void_and_specks_are_no_differences() -> None:
    first = np.zeros((100, 100), np.uint8)
    second = first.copy()
    second[:50] = 255
    second[60, 60:65] = 3
    assert agreement.largest_differences(first, second) == []
    second[60:62, 60:66] = 3
    assert [region.area for region in agreement.largest_differences(first, second)] == [12]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 10, 10), "top left"),
        ((40, 40, 60, 60), "in the middle"),
        ((40, 90, 60, 100), "right"),
        ((90, 40, 100, 60), "bottom"),
    ],
)
def test_a_region_is_described(box: tuple[int, int, int, int], expected: str) -> None:
    mask = np.ones((box[2] - box[0], box[3] - box[1]), bool)
    region = agreement.Region(0, 1, box, mask, 1.0)
    sentence = agreement.describe(region, "this", "that", (100, 100))
    share = mask.size / 100
    assert sentence == f"{CLASS_NAMES[0]} for this, {CLASS_NAMES[1]} for that: {share:.1f} % of the image, {expected}"
