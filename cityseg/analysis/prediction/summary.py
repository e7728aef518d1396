"""Summary of a prediction: maps small enough to display, and figures over all pixels.

A prediction takes nine bytes per pixel, and a photo may have fifty million pixels. A page displays a hundredth of that,
so only the summary is kept and the prediction is released.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cityseg.analysis.prediction import object_counts
from cityseg.classes import IGNORE_INDEX
from cityseg.inference.predictor import Prediction
from cityseg.metrics.calibration import FINE_BINS

MAX_SIDE = 1600
"""Longer side of the maps in a summary, in pixels."""
_BAND_PIXELS = 2_000_000


@dataclass(frozen=True)
class PredictionSummary:
    """The parts of a prediction that a page displays. Void pixels (cut off by the resize mode) count nowhere."""

    train_ids: np.ndarray  # (h, w) uint8, at most `MAX_SIDE` pixels on the longer side; 255 for void
    percent: np.ndarray  # (h, w) uint8 confidence in whole per cent, rounded down, 0 to 99
    entropy: np.ndarray  # (h, w) uint8, from 0 (one class has all the probability) to 254 (all classes have the same)
    shares: dict[str, float]  # share of the photo's pixels by class name, largest first
    objects: dict[str, int]  # approximate number of objects by class name, see `object_counts.count`
    confidence_counts: np.ndarray  # (100,) int64 pixels of the photo by confidence in whole per cent
    mean_confidence: float  # mean over the photo's pixels, 0 to 1
    milliseconds: float  # time from decoded photo to label map

    def rejected_share(self, threshold: int) -> float:
        """Return the share of pixels whose confidence lies below ``threshold`` per cent."""
        return float(self.confidence_counts[:threshold].sum() / max(1, self.confidence_counts.sum()))


def summarize(prediction: Prediction, max_side: int = MAX_SIDE) -> PredictionSummary:
    """Reduce the maps of a prediction by nearest neighbour and compute its figures over all pixels."""
    return PredictionSummary(
        reduce_map(prediction.train_ids, max_side),
        _percents(reduce_map(prediction.confidence, max_side)),
        np.rint(reduce_map(prediction.entropy, max_side) * 254).astype(np.uint8),
        prediction.shares(),
        object_counts.count(prediction.train_ids),
        _confidence_counts(prediction),
        prediction.mean_confidence(),
        prediction.milliseconds,
    )


def reduce_map(values: np.ndarray, max_side: int = MAX_SIDE) -> np.ndarray:
    """Resize a (H, W) map by nearest neighbour so that its longer side is at most ``max_side``; never enlarge."""
    scale = max_side / max(values.shape)
    if scale >= 1:
        return values
    rows, columns = (_nearest(full, max(1, round(full * scale))) for full in values.shape)
    result: np.ndarray = values[rows[:, None], columns]
    return result


def _nearest(full: int, small: int) -> np.ndarray:
    """Return the (small,) source positions of Pillow's nearest filter, which would first copy the whole map."""
    steps = np.full(small, full / small)
    steps[0] /= 2
    return np.cumsum(steps).astype(np.int64)


def rejected(prediction: Prediction, threshold: int) -> np.ndarray:
    """Return (H, W) bool: not void and less confident than ``threshold`` per cent, as ``rejected_share`` counts."""
    mask = np.empty(prediction.train_ids.shape, bool)
    for band in _bands(mask.shape):
        below = _percents(prediction.confidence[band]) < threshold
        mask[band] = below & (prediction.train_ids[band] != IGNORE_INDEX)
    return mask


def _confidence_counts(prediction: Prediction) -> np.ndarray:
    counts = np.zeros(FINE_BINS, np.int64)
    for band in _bands(prediction.confidence.shape):
        percents = _percents(prediction.confidence[band])
        counts += np.bincount(percents[prediction.train_ids[band] != IGNORE_INDEX], minlength=FINE_BINS)
    return counts


def _percents(confidence: np.ndarray) -> np.ndarray:
    """Bin confidences as ``calibration_counts`` does: whole per cent, rounded down, 0 to 99."""
    result: np.ndarray = np.minimum(confidence * FINE_BINS, FINE_BINS - 1).astype(np.uint8)
    return result


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Split a (H, W) map into bands of rows, so that floating-point intermediates stay small."""
    rows = max(1, _BAND_PIXELS // max(1, shape[1]))
    for top in range(0, shape[0], rows):
        yield slice(top, top + rows)
