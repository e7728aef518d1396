"""Errors of a result: frame rankings, confused pairs and error maps, from per-frame confusion matrices.

Matrices have rows = ground truth and columns = prediction. A frame or class without a score has NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from cityseg.classes import CATEGORY_OF_TRAIN_ID, IGNORE_INDEX, NUM_CLASSES
from cityseg.metrics import Metric, class_scores, divide

FrameMetric = Metric | Literal["pixel_accuracy"]

CORRECT, WRONG_IN_CATEGORY, WRONG_CATEGORY = 0, 1, 2
"""Values of ``error_map``."""


@dataclass(frozen=True)
class ConfusedPair:
    """Pixels of one class predicted as another."""

    truth: int  # train id of the ground truth
    predicted: int  # train id of the prediction
    pixels: int  # number of pixels
    share: float  # share of all pixels of the true class, 0 to 1


def frame_values(matrices: np.ndarray, metric: FrameMetric) -> np.ndarray:
    """Score every frame on its own: (N,) float64, NaN for a frame without labelled pixels.

    All metrics but ``pixel_accuracy`` are averaged over the classes in the frame's ground truth or prediction.
    """
    matrices = np.asarray(matrices)
    if metric == "pixel_accuracy":
        return divide(np.trace(matrices, axis1=1, axis2=2), matrices.sum((1, 2)))
    scores = getattr(class_scores(matrices), metric)
    return divide(np.nansum(scores, axis=1), (~np.isnan(scores)).sum(1))


def class_values(matrices: np.ndarray, train_id: int, metric: Metric = "iou") -> np.ndarray:
    """Score one class in every frame: (N,) float64, NaN if the class is in neither ground truth nor prediction."""
    values: np.ndarray = getattr(class_scores(matrices), metric)[:, train_id]
    return values


def class_pixels(matrices: np.ndarray, train_id: int) -> np.ndarray:
    """Return (N,) int64 pixels of each frame labelled or predicted as ``train_id``."""
    matrices = np.asarray(matrices)
    labelled, predicted, both = matrices[:, train_id], matrices[:, :, train_id], matrices[:, train_id, train_id]
    result: np.ndarray = labelled.sum(1) + predicted.sum(1) - both
    return result


def worst_first(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return (K,) int64 positions of frames by ascending value, without those whose value is NaN.

    Of equal values the one with the largest weight (pixels) comes first; further ties keep their order.
    """
    weights = np.zeros(len(values)) if weights is None else weights
    order = np.lexsort((-np.asarray(weights, np.float64), values))
    result: np.ndarray = order[~np.isnan(values[order])]
    return result


def most_confused_first(matrices: np.ndarray, truth: int, predicted: int) -> np.ndarray:
    """Return (K,) int64 positions of the frames with ``truth`` pixels predicted as ``predicted``, most pixels first."""
    pixels = np.asarray(matrices)[:, truth, predicted]
    order = np.argsort(-pixels, kind="stable")
    return order[pixels[order] > 0]


def confused_pairs(
    confusion: np.ndarray, limit: int = 10, by: Literal["share", "pixels"] = "share"
) -> tuple[ConfusedPair, ...]:
    """Return the largest off-diagonal entries.

    They are ordered by share of the true class, which favours rare classes, or by pixels, which favours large ones.
    """
    confusion = np.asarray(confusion)
    wrong = confusion.astype(np.float64)
    np.fill_diagonal(wrong, 0)
    share = divide(wrong, confusion.sum(1, keepdims=True))
    key = np.nan_to_num(share) if by == "share" else wrong
    pairs = []
    for cell in np.argsort(-key, axis=None, kind="stable")[:limit]:
        truth, predicted = divmod(int(cell), len(confusion))
        if wrong[truth, predicted] > 0:
            at = truth, predicted
            pairs.append(ConfusedPair(*at, int(confusion[at]), float(share[at])))
    return tuple(pairs)


def mistaken_for(confusion: np.ndarray) -> np.ndarray:
    """Return (C,) int64: the wrong class that each class is most often predicted as, -1 for none."""
    wrong = np.array(confusion, dtype=np.int64)
    np.fill_diagonal(wrong, 0)
    return np.where(wrong.max(1) > 0, wrong.argmax(1), -1)


def truth_given_prediction(confusion: np.ndarray, predicted: int) -> np.ndarray:
    """Return the (C,) distribution of true classes among the pixels predicted as one class; NaN if it never is."""
    column = np.asarray(confusion)[:, predicted]
    return divide(column, column.sum())


def truth_pixels(train_ids: np.ndarray) -> np.ndarray:
    """Count the pixels of every class in a label map: (19,) int64, the row sums of the frame's confusion matrix."""
    return np.bincount(train_ids.ravel(), minlength=256)[:NUM_CLASSES]


def error_map(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Classify every pixel as correct, wrong within its category, or wrong across categories.

    Returns:
        (H, W) uint8: ``CORRECT``, ``WRONG_IN_CATEGORY`` (such as car for truck), ``WRONG_CATEGORY``, and 255 for void.
    """
    errors = np.where(
        CATEGORY_OF_TRAIN_ID[truth] == CATEGORY_OF_TRAIN_ID[predicted], WRONG_IN_CATEGORY, WRONG_CATEGORY
    ).astype(np.uint8)
    errors[truth == predicted] = CORRECT
    errors[truth == IGNORE_INDEX] = IGNORE_INDEX
    return errors


def near_borders(train_ids: np.ndarray, distance: int) -> np.ndarray:
    """Mark the pixels within ``distance`` rows or columns of a border between two classes: (H, W) bool.

    A border to void counts as well; distance 1 marks the two pixels that touch.
    """
    near = np.zeros(train_ids.shape, bool)
    across = train_ids[:, 1:] != train_ids[:, :-1]
    down = train_ids[1:] != train_ids[:-1]
    near[:, 1:] |= across
    near[:, :-1] |= across
    near[1:] |= down
    near[:-1] |= down
    grown: np.ndarray = ndimage.maximum_filter(near, 2 * distance - 1, mode="constant")
    return grown
