"""What a model's confidence is worth: of the pixels called with 80 % confidence, are 80 % right?

Counted are pixels by predicted class and by confidence, the probability of the predicted class. From these counts come
the reliability curve, the expected calibration error (Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural
Networks, ICML 2017) and the risk at every coverage (Geifman, El-Yaniv: Selective Classification, NeurIPS 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cityseg.classes import NUM_CLASSES

FINE_BINS = 100
"""Bins that are counted; curves put several together."""
CURVE_BINS = 10
"""Bins of the reliability curve and of the expected calibration error."""
_SCALE = 2**20


def calibration_counts(labels: Tensor, predictions: Tensor, confidence: Tensor) -> Tensor:
    """Count pixels by predicted class and confidence; void is not counted.

    Args:
        labels: (N, H, W) uint8 train ids, 255 for void.
        predictions: (N, H, W) uint8 train ids.
        confidence: (N, H, W) float32 probability of the predicted class, 0 to 1.

    Returns:
        (19, ``FINE_BINS``, 3) int64: pixels, right pixels, and the sum of their confidences in units of 2^-20, whole
        numbers so that the sum does not depend on its order.
    """
    places = (confidence * FINE_BINS).long().clamp_(0, FINE_BINS - 1)
    cells = torch.where(labels < NUM_CLASSES, predictions.long() * FINE_BINS + places, NUM_CLASSES * FINE_BINS).view(-1)
    columns = (torch.ones_like(cells), (labels == predictions).view(-1).long(), (confidence * _SCALE).long().view(-1))
    counts = torch.zeros(NUM_CLASSES * FINE_BINS + 1, 3, dtype=torch.int64, device=labels.device)
    for column, values in enumerate(columns):
        counts[:, column].scatter_add_(0, cells, values)
    return counts[:-1].view(NUM_CLASSES, FINE_BINS, 3)


@dataclass(frozen=True)
class Reliability:
    """A reliability curve, each (B,) float64; NaN in a bin without pixels.

    Attributes:
        share: of all counted pixels that lie in the bin, 0 to 1.
        confidence: mean confidence in the bin.
        accuracy: share of its pixels that are right.
        error: expected calibration error, the mean of |accuracy - confidence| weighted by the bins' pixels; NaN
            without pixels.
    """

    share: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def reliability(counts: np.ndarray, bins: int = CURVE_BINS) -> Reliability:
    """Return the reliability curve of pixels that were counted.

    Args:
        counts: (``FINE_BINS``, 3) of one predicted class, or (19, ``FINE_BINS``, 3) of all of them.
        bins: of the curve, of equal width; divides ``FINE_BINS``.
    """
    whole = np.asarray(counts, np.float64).reshape(-1, bins, FINE_BINS // bins, 3).sum((0, 2))
    pixels, right, confidence = whole[:, 0], whole[:, 1], whole[:, 2] / _SCALE
    total = pixels.sum()
    mean, accuracy = _divide(confidence, pixels), _divide(right, pixels)
    share = pixels / total if total else np.full(bins, np.nan)
    gap = np.nan_to_num(np.abs(accuracy - mean))
    return Reliability(share, mean, accuracy, float((share * gap).sum()) if total else float("nan"))


def risk_coverage(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Say what is left and how wrong it is where a model may refuse the pixels it is least sure of.

    Args:
        counts: (19, ``FINE_BINS``, 3).

    Returns:
        Each (``FINE_BINS``,) float64, from keeping everything to keeping the surest bin alone: the least confidence
        that is kept, the share of pixels kept, and the share of these that are wrong (NaN where none is kept).
    """
    kept = np.asarray(counts, np.float64).sum(0)[::-1].cumsum(0)[::-1]
    coverage = _divide(kept[:, 0], np.full(FINE_BINS, kept[0, 0]))
    return np.arange(FINE_BINS) / FINE_BINS, coverage, 1 - _divide(kept[:, 1], kept[:, 0])


def _divide(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=np.asarray(under) > 0)
