"""A prediction for the eye: maps no larger than a screen, and figures of all its pixels.

A photo may have fifty million pixels, and its prediction takes nine bytes for each. What a page shows needs a hundredth
of that, so this is what is kept, and the rest is let go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cityseg.analysis.prediction import object_counts
from cityseg.classes import IGNORE_INDEX
from cityseg.inference.predictor import Prediction
from cityseg.metrics.calibration import FINE_BINS

MOST_SIDE = 1600
"""Longer side of what is kept, in pixels."""
_BAND_PIXELS = 2_000_000


@dataclass(frozen=True)
class Seen:
    """What is kept of a prediction.

    Attributes:
        train_ids: (h, w) uint8 classes, at most ``MOST_SIDE`` pixels on the longer side; 255 where nothing was seen.
        percent: (h, w) uint8 confidence in whole per cents, rounded down, 0 to 99.
        entropy: (h, w) uint8, 0 for sure to 254 for undecided.
        shares: share of the photo's pixels that were looked at, by class name, largest first.
        objects: about how many there are, by class name; see ``things.count``.
        by_percent: (100,) int64 pixels of the photo that were looked at, by confidence in whole per cents.
        confidence: mean over these pixels, 0 to 1.
        milliseconds: from decoded photo to label map.
    """

    train_ids: np.ndarray
    percent: np.ndarray
    entropy: np.ndarray
    shares: dict[str, float]
    objects: dict[str, int]
    by_percent: np.ndarray
    confidence: float
    milliseconds: float

    def unknown(self, least: int) -> float:
        """Return the share of the pixels whose confidence lies below ``least`` per cent."""
        return float(self.by_percent[:least].sum() / max(1, self.by_percent.sum()))


def digest(prediction: Prediction, most_side: int = MOST_SIDE) -> Seen:
    """Reduce a prediction to what is shown; maps take the nearest pixel, figures are those of all pixels."""
    train_ids = prediction.train_ids
    return Seen(
        reduced(train_ids, most_side),
        _percents(reduced(prediction.confidence, most_side)),
        np.rint(reduced(prediction.entropy, most_side) * 254).astype(np.uint8),
        prediction.shares(),
        object_counts.count(train_ids),
        _by_percent(prediction),
        prediction.mean_confidence(),
        prediction.milliseconds,
    )


def reduced(values: np.ndarray, most_side: int = MOST_SIDE) -> np.ndarray:
    """Return a (H, W) map with at most ``most_side`` pixels on the longer side, each the nearest value."""
    height, width = values.shape
    scale = most_side / max(height, width)
    if scale >= 1:
        return values
    rows, columns = (_nearest(full, max(1, round(full * scale))) for full in (height, width))
    return values[rows[:, None], columns]


def _nearest(full: int, small: int) -> np.ndarray:
    """Return the (small,) places of which Pillow's nearest takes its values, which would copy all of them first."""
    steps = np.full(small, full / small)
    steps[0] /= 2
    return np.cumsum(steps).astype(np.int64)


def unsure(prediction: Prediction, least: int) -> np.ndarray:
    """Return (H, W) bool: looked at, but with a confidence below ``least`` per cent, as ``Seen.unknown`` counts it."""
    found = np.empty(prediction.train_ids.shape, bool)
    for band in _bands(found.shape):
        found[band] = (_percents(prediction.confidence[band]) < least) & (prediction.train_ids[band] != IGNORE_INDEX)
    return found


def _by_percent(prediction: Prediction) -> np.ndarray:
    """Count the pixels that were looked at by confidence in whole per cents: (100,) int64."""
    counts = np.zeros(FINE_BINS, np.int64)
    for band in _bands(prediction.confidence.shape):
        looked = prediction.train_ids[band] != IGNORE_INDEX
        counts += np.bincount(_percents(prediction.confidence[band])[looked], minlength=FINE_BINS)
    return counts


def _percents(confidence: np.ndarray) -> np.ndarray:
    """Bin confidences as ``calibration_counts`` does: whole per cents, rounded down, 0 to 99."""
    return np.minimum(confidence * FINE_BINS, FINE_BINS - 1).astype(np.uint8)


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut a (H, W) map into bands of rows: what is worked out in floating point needs little memory at a time."""
    rows = max(1, _BAND_PIXELS // max(1, shape[1]))
    for top in range(0, shape[0], rows):
        yield slice(top, top + rows)
