"""Boundary IoU: contour quality, independent of object size.

Cheng, Girshick, Dollár, Berg, Kirillov: Boundary IoU (CVPR 2021). Every class is a mask; only the pixels of a mask
within a distance of its contour count: |G_d ∩ P_d| / |G_d ∪ P_d|, with G_d the inner border of the ground-truth mask
and P_d that of the predicted one. The image edge is a contour, as in the authors' code.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.classes import IGNORE_INDEX
from cityseg.metrics.image_statistics import class_counts
from cityseg.metrics.scores import divide

DISTANCE_SHARE = 0.02
"""Distance as a share of the image diagonal, the authors' choice."""
_OUTSIDE = 254
"""Padding value: neither a class nor void, so that the padding differs from every pixel of the image."""


def boundary_distance(size: tuple[int, int]) -> int:
    """Return the distance in pixels that counts as near a contour, for images of (height, width)."""
    return max(1, round(DISTANCE_SHARE * math.hypot(*size)))


def near_contours(train_ids: Tensor, distance: int) -> Tensor:
    """Mark the pixels of (N, H, W) maps within ``distance`` of the contour of their own class's mask: (N, H, W) bool.

    These are the pixels whose (2 distance + 1)-square holds another class or crosses the image edge: every mask minus
    its erosion, for all classes at once.
    """
    padded = F.pad(train_ids, (distance, distance, distance, distance), value=_OUTSIDE)
    return _square_max(padded, 2 * distance + 1) != 255 - _square_max(255 - padded, 2 * distance + 1)


def _square_max(values: Tensor, width: int) -> Tensor:
    """Return the maximum over every ``width`` x ``width`` square; height and width get ``width - 1`` smaller."""
    for axis in (1, 2):
        reached = 1
        while reached < width:
            step = min(reached, width - reached)
            length = values.shape[axis] - step
            values = torch.maximum(values.narrow(axis, 0, length), values.narrow(axis, step, length))
            reached += step
    return values


def boundary_counts(labels: Tensor, predictions: Tensor, distance: int | None = None) -> Tensor:
    """Count the pixels near contours, by frame and class; void pixels of the ground truth do not count.

    Returns:
        (N, 19, 3) int64: near the ground-truth contour, near the predicted one, near both.
    """
    distance = boundary_distance((labels.shape[1], labels.shape[2])) if distance is None else distance
    predictions = torch.where(labels == IGNORE_INDEX, labels, predictions.to(labels.dtype))
    true_near, predicted_near = near_contours(labels, distance), near_contours(predictions, distance)
    both = true_near & predicted_near & (labels == predictions)
    chosen = ((labels, true_near), (predictions, predicted_near), (labels, both))
    return torch.stack([class_counts(train_ids, mask) for train_ids, mask in chosen], 2)


def boundary_iou(counts: np.ndarray) -> np.ndarray:
    """Return the (..., 19) boundary IoU of summed (..., 19, 3) ``boundary_counts``.

    NaN for a class in neither ground truth nor prediction.
    """
    counts = np.asarray(counts, np.float64)
    both = counts[..., 2]
    return divide(both, counts[..., 0] + counts[..., 1] - both)
