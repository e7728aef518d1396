"""Metrics that rank frames, by name: "mean IoU", "recall of person", "rider predicted as person".

The names appear on the Inspect page, in its address, and in ``cityseg inspect --by``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.analysis.errors import frame_errors
from cityseg.analysis.errors.frame_errors import FrameMetric
from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError
from cityseg.metrics import Metric, class_scores

CLASS_METRICS: dict[str, Metric] = {
    "F1": "f1",
    "IoU": "iou",
    "precision": "precision",
    "recall": "recall",
    "Dice": "dice",
}
"""Metrics of one class, by name."""
OVERALL: dict[str, FrameMetric] = {
    "macro F1": "f1",
    "mean IoU": "iou",
    "macro precision": "precision",
    "macro recall": "recall",
    "macro Dice": "dice",
    "pixel accuracy": "pixel_accuracy",
}
"""Metrics of a whole frame, by name."""
_OF, PREDICTED_AS, _CALLED = " of ", " predicted as ", " called "


@dataclass(frozen=True)
class RankingMetric:
    """A score of frames, or the number of pixels of one confusion."""

    name: str  # its name
    metric: FrameMetric | None  # the score; None for a confusion
    train_id: int | None = None  # the scored class, or the true class of a confusion; None for all classes
    predicted: int | None = None  # the predicted class of a confusion; None for a score

    @property
    def confusion(self) -> tuple[int, int] | None:
        """(true, predicted) train ids of a confusion; None for a score."""
        return None if self.train_id is None or self.predicted is None else (self.train_id, self.predicted)


@dataclass(frozen=True)
class Ranking:
    """Frames ordered by a metric."""

    metric: RankingMetric  # the metric
    order: np.ndarray  # (K,) int64 positions, worst first, without the frames that have no value
    values: np.ndarray  # (N,) float64 score or confused pixels of every frame; NaN for none
    pixels: np.ndarray | None  # (N,) int64 pixels that the value depends on, None for the whole frame


def confusion_name(truth: int, predicted: int) -> str:
    """Return the name of a confusion: "rider predicted as person"."""
    return f"{CLASS_NAMES[truth]}{PREDICTED_AS}{CLASS_NAMES[predicted]}"


def class_metric_name(metric: str, train_id: int) -> str:
    """Return the name of a class's score: "recall of person"."""
    return f"{metric}{_OF}{CLASS_NAMES[train_id]}"


def metric_names(confusion: np.ndarray) -> list[str]:
    """Return the names of all metrics that can rank the frames of a split with this (19, 19) matrix.

    Scores of all classes come first, then those of each class that occurs, then the confusions, largest share of the
    true class first.
    """
    confusion = np.asarray(confusion)
    present = np.flatnonzero(class_scores(confusion).support > 0).tolist()
    classes = [class_metric_name(metric, index) for metric in CLASS_METRICS for index in present]
    pairs = frame_errors.confused_pairs(confusion, limit=confusion.size)
    return [*OVERALL, *classes, *(confusion_name(pair.truth, pair.predicted) for pair in pairs)]


def parse_metric(name: str) -> RankingMetric:
    """Return the metric of this name, or raise UsageError; "rider called person" is an older name of a confusion."""
    if name in OVERALL:
        return RankingMetric(name, OVERALL[name])
    metric, _, scored = name.partition(_OF)
    if metric in CLASS_METRICS and scored in CLASS_NAMES:
        return RankingMetric(name, CLASS_METRICS[metric], CLASS_NAMES.index(scored))
    truth, _, predicted = name.replace(_CALLED, PREDICTED_AS).partition(PREDICTED_AS)
    if truth in CLASS_NAMES and predicted in CLASS_NAMES and truth != predicted:
        pair = CLASS_NAMES.index(truth), CLASS_NAMES.index(predicted)
        return RankingMetric(confusion_name(*pair), None, *pair)
    raise UsageError(
        f'unknown metric {name!r}: expected one of {", ".join(OVERALL)}, a class\'s score such as "IoU of person" '
        f'({", ".join(CLASS_METRICS)}), or a confusion such as "rider predicted as person"'
    )


def rank(matrices: np.ndarray, metric: RankingMetric) -> Ranking:
    """Order frames by a metric, worst first; ties in a class's score go to the frame with more pixels of the class."""
    matrices = np.asarray(matrices)
    if metric.confusion:
        pixels = matrices[:, *metric.confusion]
        order = frame_errors.most_confused_first(matrices, *metric.confusion)
        return Ranking(metric, order, pixels.astype(np.float64), pixels)
    assert metric.metric is not None
    if metric.train_id is None or metric.metric == "pixel_accuracy":
        values = frame_errors.frame_values(matrices, metric.metric)
        return Ranking(metric, frame_errors.worst_first(values), values, None)
    values = frame_errors.class_values(matrices, metric.train_id, metric.metric)
    pixels = frame_errors.class_pixels(matrices, metric.train_id)
    return Ranking(metric, frame_errors.worst_first(values, pixels), values, pixels)
