from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.dataset.splits import share_ratios, total_variation


def frames(count: int, seed: int, rates: tuple[float, ...]) -> np.ndarray:
    """Pixels of frames whose classes vary far more than those of independent pixels would."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((count, 19))
    pixels[:, : len(rates)] = random.poisson(random.gamma(0.5, 2 * np.array(rates), (count, len(rates))))
    return pixels


def test_total_variation_is_the_share_that_has_to_move():
    first, second = np.zeros(19), np.zeros(19)
    first[:3] = 0.5, 0.3, 0.2
    second[:3] = 0.4, 0.3, 0.3
    assert total_variation(first, second) == pytest.approx(0.1)
    assert total_variation(first, first) == 0
    assert total_variation(first, np.eye(19)[7]) == pytest.approx(1)


def test_intervals_agree_with_a_bootstrap_over_frames():
    pixels, reference = frames(150, 1, (4000, 800, 60)), frames(400, 2, (4000, 500, 60))
    found = share_ratios(pixels, reference)
    random = np.random.default_rng(3)

    def resampled(counts: np.ndarray) -> np.ndarray:
        # How often each frame is drawn with replacement.
        times = random.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), 3000)
        drawn = times @ counts
        return drawn[:, :3] / drawn.sum(1, keepdims=True)

    low, high = np.percentile(resampled(pixels) / resampled(reference), [2.5, 97.5], axis=0)
    shares = [counts.sum(0)[:3] / counts.sum() for counts in (pixels, reference)]
    np.testing.assert_allclose(found.ratio[:3], shares[0] / shares[1])
    np.testing.assert_allclose(found.low[:3], low, rtol=0.06)
    np.testing.assert_allclose(found.high[:3], high, rtol=0.06)


def test_equal_shares_do_not_differ_and_triple_shares_do():
    reference = frames(400, 5, (4000, 500, 60))
    assert not share_ratios(reference[:200], reference[200:]).differs.any()
    more = reference.copy()
    more[:, 2] *= 3
    assert share_ratios(more, reference).differs.tolist() == [False, False, True] + [False] * 16


def test_a_class_that_a_split_lacks_has_no_ratio(recwarn):
    pixels, reference = frames(30, 1, (900, 90)), frames(30, 2, (900, 90, 9))
    found = share_ratios(pixels, reference)
    assert np.isfinite(found.ratio).tolist() == [True, True] + [False] * 17
    single = share_ratios(pixels[:1] + 1, reference)
    assert np.isfinite(single.ratio[0])
    assert np.isnan(single.low[0])
    assert not single.differs.any()
    assert not recwarn
