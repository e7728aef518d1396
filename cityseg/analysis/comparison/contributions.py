"""Contributions to the difference of two mean scores: of every class, and of every frame to its classes.

Both decompositions are exact sums: nothing is left unexplained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.errors import UsageError
from cityseg.metrics import METRICS, Metric, class_scores, macro
from cityseg.metrics.scores import fractions


@dataclass(frozen=True)
class Contributions:
    """The difference of two macro scores by class and frame."""

    metric: Metric  # score
    start: float  # the baseline's mean over its classes, 0 to 1
    end: float  # the candidate's
    classes: np.ndarray  # (19,) contributions, which add up to `end - start`
    frames: np.ndarray  # (N, 19) contribution of each frame to each class; columns add up to `classes`


def contributions(first: np.ndarray, second: np.ndarray, metric: Metric = "iou") -> Contributions:
    """Decompose the difference of two macro scores.

    A class that both score contributes (second - first) / n, where n counts the classes that both score. A class
    without ground truth that only one model predicts has a score, 0, with that model only: its contribution is its
    effect on that model's mean, shared equally between such classes.

    A class's score is a ratio I / U of two sums over frames. With a for the baseline, b for the candidate, and dI, dU a
    frame's b minus a, the frame's contribution is

        dI (1/U_a + 1/U_b) / 2  -  dU (I_a + I_b) / (2 U_a U_b),

    which adds up to I_b/U_b - I_a/U_a exactly: the mean over both orders of changing numerator and denominator (the
    Shapley value of the two). A frame on which both predict alike contributes 0.

    Raises:
        UsageError: an unknown metric.
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
    return Contributions(metric, means[0], means[1], classes, _frames(first, second, metric, both, classes))


def _frames(first: np.ndarray, second: np.ndarray, metric: Metric, both: np.ndarray, classes: np.ndarray) -> np.ndarray:
    (over_a, under_a), (over_b, under_b) = _parts(first, metric), _parts(second, metric)
    sums = [part.sum(0) for part in (over_a, under_a, over_b, under_b)]
    whole_a, whole_b = 1 / np.maximum(sums[1], 1), 1 / np.maximum(sums[3], 1)
    # A class that one model never predicts has precision 0 by convention; its empty ratio is left out.
    usable = (sums[1] > 0) & (sums[3] > 0)
    moved = (over_b - over_a) * (whole_a + whole_b) / 2
    moved -= (under_b - under_a) * (sums[0] + sums[2]) * whole_a * whole_b / 2
    plain = over_b * whole_b - over_a * whole_a
    frames = np.where(usable, moved, plain) / max(1, both.sum())
    # A class that only one model predicts is wrong wherever it is predicted.
    pixels = np.asarray(first).sum(1) + np.asarray(second).sum(1)
    share = pixels / np.maximum(pixels.sum(0), 1)
    result: np.ndarray = np.where(both, frames, share * classes)
    return result


def _parts(matrices: np.ndarray, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Return numerator and denominator of a metric, each (N, 19) float64 by frame and class."""
    matrices = np.asarray(matrices, np.float64)
    return fractions(np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(2), matrices.sum(1))[metric]


def top_frames(parts: Contributions, train_id: int, limit: int = 12) -> np.ndarray:
    """Return (K,) int64 positions of the frames with the largest absolute contribution to a class; none with 0."""
    moved = np.abs(parts.frames[:, train_id])
    order = np.argsort(-moved, kind="stable")[:limit]
    result: np.ndarray = order[moved[order] > 0]
    return result
