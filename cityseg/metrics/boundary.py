"""Boundary IoU: how well contours are hit, whatever the size of what they enclose.

Cheng, Girshick, Dollár, Berg, Kirillov: Boundary IoU (CVPR 2021). Every class is a mask of its own; only the pixels of
a mask within a distance of its contour count: |G_d ∩ P_d| / |G_d ∪ P_d|, with G_d the inner border of the truth's mask
and P_d that of the prediction's. The picture's edge is a contour, as in the authors' code.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.classes import IGNORE_INDEX, NUM_CLASSES

DISTANCE_SHARE = 0.02
"""The distance as a share of the picture's diagonal, the authors' choice."""
_OUTSIDE = 254
"""No class and not void: what lies beyond the picture differs from everything in it."""


def boundary_distance(size: tuple[int, int]) -> int:
    """Return the distance in pixels that counts as near a contour, for pictures of (height, width)."""
    return max(1, round(DISTANCE_SHARE * math.hypot(*size)))


def near_contours(train_ids: Tensor, distance: int) -> Tensor:
    """Mark the pixels that lie within ``distance`` of the contour of their own class's mask.

    That is a pixel whose (2 distance + 1)-square holds another class or reaches over the picture's edge; the same as
    taking an erosion of every mask from the mask, for all classes at once.

    Args:
        train_ids: (N, H, W) uint8.
        distance: in pixels.

    Returns:
        (N, H, W) bool.
    """
    padded = F.pad(train_ids, (distance, distance, distance, distance), value=_OUTSIDE)
    largest = _running_max(_running_max(padded, 2 * distance + 1, 1), 2 * distance + 1, 2)
    flipped = 255 - padded
    least = 255 - _running_max(_running_max(flipped, 2 * distance + 1, 1), 2 * distance + 1, 2)
    return largest != least


def _running_max(values: Tensor, width: int, axis: int) -> Tensor:
    """Return the maximum over every ``width`` neighbours along an axis, which gets ``width - 1`` shorter."""
    reached = 1
    while reached < width:
        step = min(reached, width - reached)
        length = values.shape[axis] - step
        values = torch.maximum(values.narrow(axis, 0, length), values.narrow(axis, step, length))
        reached += step
    return values


def boundary_counts(labels: Tensor, predictions: Tensor, distance: int | None = None) -> Tensor:
    """Count the pixels near contours, by frame and class.

    Void of the truth is void in the prediction too, so that nothing is won or lost where nobody knows.

    Args:
        labels: (N, H, W) uint8 train ids, 255 for void.
        predictions: (N, H, W) uint8 train ids.
        distance: in pixels; by default ``boundary_distance`` of the size.

    Returns:
        (N, 19, 3) int64: near the truth's contour, near the prediction's, near both.
    """
    distance = boundary_distance((labels.shape[1], labels.shape[2])) if distance is None else distance
    predictions = torch.where(labels == IGNORE_INDEX, labels, predictions.to(labels.dtype))
    true_near, predicted_near = near_contours(labels, distance), near_contours(predictions, distance)
    both = true_near & predicted_near & (labels == predictions)
    counts = [_by_class(labels, true_near), _by_class(predictions, predicted_near), _by_class(labels, both)]
    return torch.stack(counts, 2)


def _by_class(train_ids: Tensor, chosen: Tensor) -> Tensor:
    counts = torch.zeros(len(train_ids), NUM_CLASSES + 1, dtype=torch.int64, device=train_ids.device)
    bins = train_ids.long().clamp_max(NUM_CLASSES).view(len(train_ids), -1)
    return counts.scatter_add_(1, bins, chosen.view(len(train_ids), -1).long())[:, :NUM_CLASSES]


def boundary_iou(counts: np.ndarray) -> np.ndarray:
    """Return the boundary IoU of every class.

    Args:
        counts: (..., 19, 3) as ``boundary_counts`` gives them, summed over the frames wanted.

    Returns:
        (..., 19) float64, NaN where a class occurs in neither truth nor prediction.
    """
    counts = np.asarray(counts, np.float64)
    both = counts[..., 2]
    union = counts[..., 0] + counts[..., 1] - both
    return np.divide(both, union, out=np.full_like(both, np.nan), where=union > 0)
