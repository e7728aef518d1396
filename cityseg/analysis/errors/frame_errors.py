"""Where a result fails: rankings of frames, confused pairs and error maps, from per-frame confusion matrices.

Matrices have rows = truth and columns = prediction. A frame or class of which nothing can be said has NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityseg.classes import CATEGORY_OF_CLASS, IGNORE_INDEX, NUM_CLASSES
from cityseg.metrics import class_scores

ClassMetric = Literal["f1", "iou", "precision", "recall", "dice"]
FrameMetric = Literal["f1", "iou", "precision", "recall", "dice", "pixel_accuracy"]

RIGHT, WRONG_IN_GROUP, WRONG_GROUP = 0, 1, 2
"""Values of ``error_map``."""


@dataclass(frozen=True)
class ConfusedPair:
    """Pixels of one class that were called another.

    Attributes:
        truth: train id of what the pixels are.
        predicted: train id of what they were called.
        pixels: how many.
        share: of all pixels of the true class, 0 to 1.
    """

    truth: int
    predicted: int
    pixels: int
    share: float


def frame_values(matrices: np.ndarray, metric: FrameMetric) -> np.ndarray:
    """Score every frame by itself.

    Args:
        matrices: (N, C, C) counts.
        metric: all but ``pixel_accuracy`` average over the classes that occur in the frame's truth or prediction.

    Returns:
        (N,) float64, NaN for a frame without scored pixels.
    """
    matrices = np.asarray(matrices)
    if metric == "pixel_accuracy":
        return _divide(np.trace(matrices, axis1=1, axis2=2), matrices.sum((1, 2)))
    scores = getattr(class_scores(matrices), metric)
    return _divide(np.nansum(scores, axis=1), (~np.isnan(scores)).sum(1))


def class_values(matrices: np.ndarray, train_id: int, metric: ClassMetric = "iou") -> np.ndarray:
    """Score one class in every frame.

    Returns:
        (N,) float64, NaN where the class occurs in neither truth nor prediction.
    """
    values: np.ndarray = getattr(class_scores(matrices), metric)[:, train_id]
    return values


def class_pixels(matrices: np.ndarray, train_id: int) -> np.ndarray:
    """Return (N,) int64 pixels of each frame that are or were called ``train_id``."""
    matrices = np.asarray(matrices)
    return matrices[:, train_id].sum(1) + matrices[:, :, train_id].sum(1) - matrices[:, train_id, train_id]


def worst_first(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Order frames by ascending value.

    Args:
        values: (N,) scores; frames with NaN are left out.
        weights: (N,) pixels at stake: of equal scores, the one that concerns more comes first. What is still
            equal keeps its order.

    Returns:
        (K,) int64 positions, K at most N.
    """
    weights = np.zeros(len(values)) if weights is None else weights
    # lexsort is stable, so the frames' own order settles what score and weight leave open.
    order = np.lexsort((-np.asarray(weights, np.float64), values))
    return order[~np.isnan(values[order])]


def most_confused_first(matrices: np.ndarray, truth: int, predicted: int) -> np.ndarray:
    """Order the frames in which ``truth`` was called ``predicted`` by the pixels concerned.

    Returns:
        (K,) int64 positions, most pixels first; frames without such a pixel are left out.
    """
    pixels = np.asarray(matrices)[:, truth, predicted]
    order = np.argsort(-pixels, kind="stable")
    return order[pixels[order] > 0]


def confused_pairs(
    confusion: np.ndarray, limit: int = 10, by: Literal["share", "pixels"] = "share"
) -> tuple[ConfusedPair, ...]:
    """List the largest entries off the diagonal.

    Args:
        confusion: (C, C) counts.
        limit: number of pairs.
        by: share of the true class, which brings out rare classes, or plain pixels, which brings out large ones.
    """
    confusion = np.asarray(confusion)
    wrong = confusion.astype(np.float64)
    np.fill_diagonal(wrong, 0)
    share = _divide(wrong, np.broadcast_to(confusion.sum(1, keepdims=True), wrong.shape))
    key = np.nan_to_num(share) if by == "share" else wrong
    pairs = []
    for cell in np.argsort(-key, axis=None, kind="stable")[:limit]:
        truth, predicted = divmod(int(cell), len(confusion))
        if wrong[truth, predicted] > 0:
            pairs.append(
                ConfusedPair(truth, predicted, int(confusion[truth, predicted]), float(share[truth, predicted]))
            )
    return tuple(pairs)


def mistaken_for(confusion: np.ndarray) -> np.ndarray:
    """Return (C,) int64: what each class is most often called by mistake, -1 if it never is.

    Args:
        confusion: (C, C) counts.
    """
    wrong = np.array(confusion, dtype=np.int64)
    np.fill_diagonal(wrong, 0)
    return np.where(wrong.max(1) > 0, wrong.argmax(1), -1)


def truth_when_called(confusion: np.ndarray, predicted: int) -> np.ndarray:
    """Say what pixels are that are called one class: a column of the matrix, normalised by prediction.

    Args:
        confusion: (C, C) counts.
        predicted: train id of what they are called.

    Returns:
        (C,) float64 shares that add up to 1; NaN where nothing is ever called that.
    """
    column = np.asarray(confusion)[:, predicted]
    return _divide(column, np.broadcast_to(column.sum(), column.shape))


def truth_pixels(train_ids: np.ndarray) -> np.ndarray:
    """Count the pixels of every class in a label map.

    Args:
        train_ids: (H, W) uint8.

    Returns:
        (19,) int64: what the rows of the frame's confusion matrix add up to, if it was counted on this map.
    """
    return np.bincount(train_ids.ravel(), minlength=256)[:NUM_CLASSES]


def error_map(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Say of every pixel whether it is right, and if not, how far off.

    Args:
        truth: (H, W) uint8 train ids.
        predicted: (H, W) uint8 train ids.

    Returns:
        (H, W) uint8: ``RIGHT``, ``WRONG_IN_GROUP`` (a class of the same category, car for truck), ``WRONG_GROUP``,
        and 255 where the truth is void.
    """
    group = np.full(256, IGNORE_INDEX, np.uint8)
    group[:NUM_CLASSES] = CATEGORY_OF_CLASS
    errors = np.where(group[truth] == group[predicted], WRONG_IN_GROUP, WRONG_GROUP).astype(np.uint8)
    errors[truth == predicted] = RIGHT
    errors[truth == IGNORE_INDEX] = IGNORE_INDEX
    return errors


def near_borders(train_ids: np.ndarray, distance: int) -> np.ndarray:
    """Mark the pixels within ``distance`` rows or columns of a border between two classes.

    Args:
        train_ids: (H, W) uint8; a border to void counts as well.
        distance: in pixels; 1 marks the two pixels that touch.

    Returns:
        (H, W) bool.
    """
    near = np.zeros(train_ids.shape, bool)
    across = train_ids[:, 1:] != train_ids[:, :-1]
    down = train_ids[1:] != train_ids[:-1]
    near[:, 1:] |= across
    near[:, :-1] |= across
    near[1:] |= down
    near[:-1] |= down
    for axis in (0, 1):
        grown = near.copy()
        for step in range(1, distance):
            ahead, behind = (slice(step, None), slice(None, -step))
            if axis:
                grown[:, ahead] |= near[:, behind]
                grown[:, behind] |= near[:, ahead]
            else:
                grown[ahead] |= near[behind]
                grown[behind] |= near[ahead]
        near = grown
    return near


def _divide(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=np.asarray(under) > 0)
