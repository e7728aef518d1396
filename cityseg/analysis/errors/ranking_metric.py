"""Frames worst first, by a measure that is named in words: "mean IoU", "recall of person", "rider called person".

The same words are the choice on the inspect page, its address, and ``cityseg inspect --by``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.analysis.errors import frame_errors
from cityseg.analysis.errors.frame_errors import ClassMetric, FrameMetric
from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError
from cityseg.metrics import class_scores

CLASS_METRICS: dict[str, ClassMetric] = {
    "F1": "f1",
    "IoU": "iou",
    "precision": "precision",
    "recall": "recall",
    "Dice": "dice",
}
"""What a class can be scored by, by its name."""
OVERALL: dict[str, FrameMetric] = {
    "macro F1": "f1",
    "mean IoU": "iou",
    "macro precision": "precision",
    "macro recall": "recall",
    "macro Dice": "dice",
    "pixel accuracy": "pixel_accuracy",
}
"""What a whole frame can be scored by, by its name."""
_OF, _CALLED = " of ", " called "


@dataclass(frozen=True)
class Measure:
    """What frames are ordered by.

    Attributes:
        words: its name.
        metric: which score; None for a confusion, whose pixels are counted.
        train_id: the class that is scored, or what the confused pixels are; None for all classes together.
        called: what the confused pixels are called; None for a score.
    """

    words: str
    metric: FrameMetric | None
    train_id: int | None = None
    called: int | None = None


@dataclass(frozen=True)
class Ranking:
    """Frames in the order of a measure.

    Attributes:
        measure: what they are ordered by.
        order: (K,) int64 positions, worst first; frames of which nothing can be said are left out.
        values: (N,) float64 score of every frame, or its confused pixels; NaN where nothing can be said.
        pixels: (N,) int64 pixels at stake, or None where that is the whole frame.
    """

    measure: Measure
    order: np.ndarray
    values: np.ndarray
    pixels: np.ndarray | None


def called(truth: int, predicted: int) -> str:
    """Name a confusion: "rider called person"."""
    return f"{CLASS_NAMES[truth]}{_CALLED}{CLASS_NAMES[predicted]}"


def of_class(metric: str, train_id: int) -> str:
    """Name a class's score: "recall of person"."""
    return f"{metric}{_OF}{CLASS_NAMES[train_id]}"


def measures(confusion: np.ndarray) -> list[str]:
    """Name everything that frames of a split with this (19, 19) matrix can be ordered by.

    Scores of all classes come first, then those of each class that occurs, then the confusions, largest share of the
    true class first.
    """
    confusion = np.asarray(confusion)
    occurs = class_scores(confusion).support > 0
    classes = [of_class(metric, index) for metric in CLASS_METRICS for index in np.flatnonzero(occurs).tolist()]
    pairs = frame_errors.confused_pairs(confusion, limit=confusion.size)
    return [*OVERALL, *classes, *(called(pair.truth, pair.predicted) for pair in pairs)]


def read_measure(words: str) -> Measure:
    """Understand a measure's name.

    Raises:
        UsageError: it names none.
    """
    if words in OVERALL:
        return Measure(words, OVERALL[words])
    metric, _, name = words.partition(_OF)
    if metric in CLASS_METRICS and name in CLASS_NAMES:
        return Measure(words, CLASS_METRICS[metric], CLASS_NAMES.index(name))
    truth, _, predicted = words.partition(_CALLED)
    if truth in CLASS_NAMES and predicted in CLASS_NAMES and truth != predicted:
        return Measure(words, None, CLASS_NAMES.index(truth), CLASS_NAMES.index(predicted))
    raise UsageError(
        f'unknown measure {words!r}: expected one of {", ".join(OVERALL)}, a class\'s score such as "IoU of person" '
        f'({", ".join(CLASS_METRICS)}), or a confusion such as "rider called person"'
    )


def rank(matrices: np.ndarray, measure: Measure) -> Ranking:
    """Order frames by a measure, worst first.

    Args:
        matrices: (N, 19, 19) counts, rows = truth.
        measure: of equal scores of a class, the frame with more of its pixels comes first.
    """
    matrices = np.asarray(matrices)
    if measure.called is not None and measure.train_id is not None:
        order = frame_errors.most_confused_first(matrices, measure.train_id, measure.called)
        pixels = matrices[:, measure.train_id, measure.called]
        return Ranking(measure, order, pixels.astype(np.float64), pixels)
    assert measure.metric is not None
    if measure.train_id is None or measure.metric == "pixel_accuracy":
        values = frame_errors.frame_values(matrices, measure.metric)
        return Ranking(measure, frame_errors.worst_first(values), values, None)
    values = frame_errors.class_values(matrices, measure.train_id, measure.metric)
    pixels = frame_errors.class_pixels(matrices, measure.train_id)
    return Ranking(measure, frame_errors.worst_first(values, pixels), values, pixels)
