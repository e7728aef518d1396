"""From one result's mean score to another's: which class moved it by how much, and which frames moved the class.

Both steps are exact sums, so nothing is left over to be explained away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.analysis.comparison.comparability import Metric
from cityseg.errors import UsageError
from cityseg.metrics import METRICS, class_scores, macro


@dataclass(frozen=True)
class Bridge:
    """The way from the baseline's macro score to the other's.

    Attributes:
        metric: which score.
        start: the baseline's mean over its classes, 0 to 1.
        end: the other's.
        classes: (19,) contributions, which add up to ``end - start``.
        frames: (N, 19) what each frame adds to each class's contribution; columns add up to ``classes``.
    """

    metric: Metric
    start: float
    end: float
    classes: np.ndarray
    frames: np.ndarray


def bridge(first: np.ndarray, second: np.ndarray, metric: Metric = "iou") -> Bridge:
    """Take the difference of two macro scores apart.

    A class that both score contributes (second - first) / n, where n counts the classes that both score. A class that
    occurs in no label and is seen by one model alone has a score, 0, with that model only: it stands for what its
    joining does to that model's mean, equally shared where there are several of them.

    A class's score is a ratio I / U of two sums over frames. With a for the baseline and b for the other, and dI, dU
    a frame's b minus a, the frame is given

        dI (1/U_a + 1/U_b) / 2  -  dU (I_a + I_b) / (2 U_a U_b),

    which adds up to I_b/U_b - I_a/U_a exactly: it is the mean over both orders of changing the numerator and the
    denominator (the Shapley value of the two). A frame on which both predict alike is given 0.

    Args:
        first: (N, 19, 19) counts of the baseline, rows = truth.
        second: (N, 19, 19) of the other result on the same frames in the same order.
        metric: any of the five.

    Raises:
        UsageError: no such metric.
    """
    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}: expected one of {', '.join(METRICS)}")
    scores = [getattr(class_scores(matrices.sum(0)), metric) for matrices in (first, second)]
    known = [~np.isnan(values) for values in scores]
    both = known[0] & known[1]
    means = [macro(values) for values in scores]
    classes = np.zeros(len(both))
    if both.any():
        classes[both] = (scores[1][both] - scores[0][both]) / both.sum()
        for side, sign in ((0, -1.0), (1, 1.0)):
            alone = known[side] & ~both
            if alone.any():
                classes[alone] = sign * (means[side] - scores[side][both].mean()) / alone.sum()
    return Bridge(metric, means[0], means[1], classes, _frames(first, second, metric, both, classes))


def _frames(first: np.ndarray, second: np.ndarray, metric: Metric, both: np.ndarray, classes: np.ndarray) -> np.ndarray:
    (over_a, under_a), (over_b, under_b) = _parts(first, metric), _parts(second, metric)
    sums = [part.sum(0) for part in (over_a, under_a, over_b, under_b)]
    whole_a, whole_b = 1 / np.maximum(sums[1], 1), 1 / np.maximum(sums[3], 1)
    # A class that one of them never calls has precision 0 by convention; its empty ratio takes no part.
    usable = (sums[1] > 0) & (sums[3] > 0)
    moved = (over_b - over_a) * (whole_a + whole_b) / 2
    moved -= (under_b - under_a) * (sums[0] + sums[2]) * whole_a * whole_b / 2
    plain = over_b * whole_b - over_a * whole_a
    frames = np.where(usable, moved, plain) / max(1, both.sum())
    # What one model alone sees is wrong wherever it sees it.
    pixels = np.asarray(first).sum(1) + np.asarray(second).sum(1)
    share = pixels / np.maximum(pixels.sum(0), 1)
    return np.where(both, frames, share * classes)


def _parts(matrices: np.ndarray, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Return numerator and denominator of a metric for every frame and class: two of (N, 19) float64."""
    matrices = np.asarray(matrices, np.float64)
    hits, truth, predicted = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(2), matrices.sum(1)
    match metric:
        case "precision":
            return hits, predicted
        case "recall":
            return hits, truth
        case "iou":
            return hits, truth + predicted - hits
        case _:
            return 2 * hits, truth + predicted


def most_responsible(bridge: Bridge, train_id: int, limit: int = 12) -> np.ndarray:
    """Return (K,) int64 frames that moved a class, the largest contribution of either sign first; none with 0."""
    moved = np.abs(bridge.frames[:, train_id])
    order = np.argsort(-moved, kind="stable")[:limit]
    return order[moved[order] > 0]
