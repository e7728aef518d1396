"""Calibration of a model: of the pixels predicted with 80 % confidence, are 80 % correct?

Pixels are counted by predicted class and by confidence, the probability of the predicted class. The counts give the
reliability curve, the expected calibration error (Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural
Networks, ICML 2017) and the risk-coverage curve (Geifman, El-Yaniv: Selective Classification, NeurIPS 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cityseg.classes import NUM_CLASSES
from cityseg.metrics.scores import divide

FINE_BINS = 100
"""Bins of the counts; curves merge several of them."""
CURVE_BINS = 10
"""Bins of the reliability curve and of the expected calibration error."""
CONFIDENCE_SCALE = 2**20
"""Units of a summed confidence of 1."""


def calibration_counts(labels: Tensor, predictions: Tensor, confidence: Tensor) -> Tensor:
    """Count pixels by predicted class and ``confidence``, its (N, H, W) float32 probability; void is not counted.

    Returns:
        (19, ``FINE_BINS``, 3) int64: pixels, correct pixels, and the sum of confidences in units of 2^-20, integers so
        that the sum does not depend on its order.
    """
    bins = (confidence * FINE_BINS).long().clamp_(0, FINE_BINS - 1)
    cells = torch.where(labels < NUM_CLASSES, predictions.long() * FINE_BINS + bins, NUM_CLASSES * FINE_BINS).view(-1)
    columns = (
        torch.ones_like(cells),
        (labels == predictions).view(-1).long(),
        (confidence * CONFIDENCE_SCALE).long().view(-1),
    )
    counts = torch.zeros(NUM_CLASSES * FINE_BINS + 1, 3, dtype=torch.int64, device=labels.device)
    for column, values in enumerate(columns):
        counts[:, column].scatter_add_(0, cells, values)
    return counts[:-1].view(NUM_CLASSES, FINE_BINS, 3)


@dataclass(frozen=True)
class Reliability:
    """A reliability curve, each (B,) float64; NaN in a bin without pixels."""

    share: np.ndarray  # share of all counted pixels in the bin, 0 to 1
    confidence: np.ndarray  # mean confidence in the bin
    accuracy: np.ndarray  # share of correct pixels in the bin
    error: float  # expected calibration error: mean |accuracy - confidence| weighted by pixels; NaN without pixels


def reliability(counts: np.ndarray, bins: int = CURVE_BINS) -> Reliability:
    """Return the reliability curve of (``FINE_BINS``, 3) counts of a class, or (19, ``FINE_BINS``, 3) of all classes.

    The number of bins divides ``FINE_BINS``.
    """
    merged = np.asarray(counts, np.float64).reshape(-1, bins, FINE_BINS // bins, 3).sum((0, 2))
    pixels, correct, confidence = merged[:, 0], merged[:, 1], merged[:, 2] / CONFIDENCE_SCALE
    total = pixels.sum()
    mean, accuracy = divide(confidence, pixels), divide(correct, pixels)
    share = pixels / total if total else np.full(bins, np.nan)
    gap = np.nan_to_num(np.abs(accuracy - mean))
    return Reliability(share, mean, accuracy, float((share * gap).sum()) if total else float("nan"))


def risk_coverage(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the risk-coverage curve: the error rate of the pixels kept above each rejection threshold.

    Returns:
        Each (``FINE_BINS``,) float64, from keeping all pixels to keeping the most confident bin alone: the rejection
        threshold, the share of pixels kept (coverage), and the share of these that are wrong (risk; NaN if none).
    """
    kept = np.asarray(counts, np.float64).sum(0)[::-1].cumsum(0)[::-1]
    coverage = divide(kept[:, 0], kept[0, 0])
    return np.arange(FINE_BINS) / FINE_BINS, coverage, 1 - divide(kept[:, 1], kept[:, 0])
