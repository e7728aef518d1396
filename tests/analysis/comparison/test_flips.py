from __future__ import annotations

import numpy as np
import pytest
import torch

from cityseg.analysis.comparison import flips
from cityseg.errors import UsageError
from cityseg.metrics import frame_confusions


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth with void and two predictions that are right about half of the time, (6, 12, 20) uint8 each."""
    random = np.random.default_rng(4)
    truth = random.integers(0, 19, (6, 12, 20), dtype=np.uint8)
    seen = [np.where(random.random(truth.shape) < 0.5, truth, random.integers(0, 19, truth.shape)) for _ in range(2)]
    truth[random.random(truth.shape) < 0.2] = 255
    truth[5] = 255
    return truth, seen[0].astype(np.uint8), seen[1].astype(np.uint8)


def counted(truth: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return frame_confusions(torch.from_numpy(truth), torch.from_numpy(seen)).numpy()


def test_every_pixel_falls_into_one_case_and_void_into_none(maps: tuple[np.ndarray, ...]) -> None:
    truth, first, second = (frames[0] for frames in maps)
    found = flips.flip_map(truth, first, second)
    assert found.dtype == np.uint8
    for row in range(truth.shape[0]):
        for column in range(truth.shape[1]):
            at = row, column
            if truth[at] == 255:
                assert found[at] == 255
                continue
            before, after = first[at] == truth[at], second[at] == truth[at]
            name = {(0, 1): "fixed", (1, 0): "broken", (0, 0): "both wrong", (1, 1): "both right"}[before, after]
            assert flips.FLIP_NAMES[found[at]] == name


def test_two_different_mistakes_are_both_wrong() -> None:
    truth, first, second = (np.array([[value]], np.uint8) for value in (13, 14, 15))
    assert flips.flip_map(truth, first, second)[0, 0] == flips.BOTH_WRONG


def test_counts_of_the_classes_add_up_to_the_shares(maps: tuple[np.ndarray, ...]) -> None:
    truth, first, second = (frames[1] for frames in maps)
    counts = flips.flip_counts(flips.flip_map(truth, first, second), truth)
    assert counts.shape == (19, 4)
    for train_id in range(19):
        here = truth == train_id
        before, after = first[here] == train_id, second[here] == train_id
        expected = [(~before & after).sum(), (before & ~after).sum(), (~before & ~after).sum(), (before & after).sum()]
        assert counts[train_id].tolist() == expected
    shares = flips.flip_shares(counts)
    scored = truth != 255
    assert shares.pixels == scored.sum()
    assert shares.fixed == pytest.approx(((first != truth) & (second == truth) & scored).sum() / scored.sum())
    assert shares.fixed + shares.broken + shares.both_wrong + shares.both_right == pytest.approx(1)


def test_a_frame_of_void_has_no_shares(maps: tuple[np.ndarray, ...]) -> None:
    truth, first, second = (frames[5] for frames in maps)
    shares = flips.flip_shares(flips.flip_counts(flips.flip_map(truth, first, second), truth))
    assert shares.pixels == 0
    assert np.isnan([shares.fixed, shares.broken, shares.both_wrong, shares.both_right]).all()


@pytest.mark.parametrize("train_id", [None, 7])
def test_matrices_give_fixed_minus_broken(maps: tuple[np.ndarray, ...], train_id: int | None) -> None:
    truth, first, second = maps
    found = flips.frame_flips(counted(truth, first), counted(truth, second), train_id)
    for index in range(len(truth)):
        looked_at = truth[index] != 255 if train_id is None else truth[index] == train_id
        cases = flips.flip_map(truth[index], first[index], second[index])[looked_at]
        assert found.net[index] == (cases == flips.FIXED).sum() - (cases == flips.BROKEN).sum()
        assert found.pixels[index] == looked_at.sum()
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found.share, found.net / found.pixels)


def test_frames_are_ordered_by_net_flips_without_empty_ones(
    maps: tuple[np.ndarray, ...],
) -> None:
    truth, first, second = maps
    found = flips.frame_flips(counted(truth, first), counted(truth, second))
    broken, fixed = flips.ordered(found, "most broken"), flips.ordered(found, "most fixed")
    assert sorted(broken) == sorted(fixed) == [0, 1, 2, 3, 4]
    assert found.net[broken].tolist() == sorted(found.net[:5].tolist())
    assert found.net[fixed].tolist() == sorted(found.net[:5].tolist(), reverse=True)


def test_results_on_other_pixels_are_not_subtracted(maps: tuple[np.ndarray, ...]) -> None:
    truth, first, second = maps
    larger = counted(truth, first) * 4
    with pytest.raises(UsageError, match="expected two results counted on the same labelled pixels, found different"):
        flips.frame_flips(larger, counted(truth, second))
