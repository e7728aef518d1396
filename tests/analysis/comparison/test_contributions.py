from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.comparison.contributions import contributions, top_frames
from cityseg.errors import UsageError
from cityseg.metrics import METRICS, class_scores, macro


def pair_of_counts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two models on one ground truth; one class absent, one predicted by each alone, one never by the first."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 60, (9, 19))
    truth[:, [12, 13, 14]] = 0
    both = []
    for _ in range(2):
        counts = np.stack([[random.multinomial(n, np.ones(12) / 12) for n in row] for row in truth])
        both.append(np.concatenate([counts, np.zeros((9, 19, 7), np.int64)], 2))
    first, second = both
    first[0, 0, 13] = 7
    second[2, 0, 14] = 5
    second[4, 1, 14] = 5
    second[:, 15, 15] = second[:, 15, 0]
    second[:, 15, 0] = 0
    return first, second


@pytest.mark.parametrize("metric", METRICS)
def test_contributions_add_up_to_the_difference_of_the_macro_scores(metric: str) -> None:
    first, second = pair_of_counts()
    found = contributions(first, second, metric)
    means = [macro(getattr(class_scores(counts.sum(0)), metric)) for counts in (first, second)]
    assert (found.start, found.end) == pytest.approx(means)
    assert found.classes.sum() == pytest.approx(means[1] - means[0], abs=1e-12)
    assert found.frames.sum(0) == pytest.approx(found.classes, abs=1e-12)
    assert found.classes[12] == 0
    assert found.classes[14] < 0, "a class that only the second sees, wrongly, costs it"
    assert found.classes[13] > 0, "and one that only the first sees is a gain for the second"


def test_a_class_that_both_score_gives_its_difference_over_their_number() -> None:
    first, second = pair_of_counts()
    scores = [class_scores(counts.sum(0)).iou for counts in (first, second)]
    number = sum(not np.isnan(a) and not np.isnan(b) for a, b in zip(*scores, strict=True))
    assert contributions(first, second, "iou").classes[3] == pytest.approx((scores[1][3] - scores[0][3]) / number)


def test_a_frames_part_is_the_mean_of_both_orders_of_changing_numerator_and_denominator() -> None:
    first, second = pair_of_counts()
    found = contributions(first, second, "iou")
    sums = []
    for counts in (first, second):
        hits = counts[:, 2, 2].astype(float)
        sums.append((hits, counts[:, 2].sum(1) + counts[:, :, 2].sum(1) - hits))
    (i_a, u_a), (i_b, u_b) = sums
    whole_i, whole_u = (i_a.sum(), i_b.sum()), (u_a.sum(), u_b.sum())
    over_first = (whole_i[1] - whole_i[0]) / whole_u[0], whole_i[1] / whole_u[1] - whole_i[1] / whole_u[0]
    under_first = (whole_i[1] - whole_i[0]) / whole_u[1], whole_i[0] / whole_u[1] - whole_i[0] / whole_u[0]
    over, under = (np.mean(parts) for parts in zip(over_first, under_first, strict=True))
    expected = over * (i_b - i_a) / (i_b - i_a).sum() + under * (u_b - u_a) / (u_b - u_a).sum()
    number = 16  # all but the class without any pixel and the two that one model alone sees
    assert found.frames[:, 2] == pytest.approx(expected / number)


def test_equal_frames_contribute_nothing_and_the_largest_contributions_come_first() -> None:
    first, second = pair_of_counts()
    second[5] = first[5]
    found = contributions(first, second, "iou")
    assert found.frames[5, :12] == pytest.approx(0, abs=1e-15)
    order = top_frames(found, 3, limit=4)
    moved = np.abs(found.frames[order, 3])
    assert len(order) == 4
    assert list(moved) == sorted(moved, reverse=True)
    assert moved[0] == np.abs(found.frames[:, 3]).max()
    assert top_frames(found, 12).size == 0


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown metric 'accuracy': expected one of precision"):
        contributions(*pair_of_counts(), "accuracy")  # type: ignore[arg-type]
