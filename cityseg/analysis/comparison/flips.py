"""Flips: pixels that the candidate fixes and breaks relative to the baseline.

``flip_map`` compares two predictions pixel by pixel. Per-frame confusion matrices hold the number of correct pixels, so
``frame_flips`` gets fixed minus broken of every frame from them, but not the two separately.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityseg.classes import IGNORE_INDEX, NUM_CLASSES
from cityseg.errors import UsageError
from cityseg.metrics import divide

FIXED, BROKEN, BOTH_WRONG, BOTH_RIGHT = 0, 1, 2, 3
"""Values of ``flip_map``."""
FLIP_NAMES = ("fixed", "broken", "both wrong", "both right")
"""Names of these values."""

Order = Literal["most broken", "most fixed"]
ORDERS: tuple[Order, ...] = ("most broken", "most fixed")


@dataclass(frozen=True)
class FlipShares:
    """Shares of the four cases in the labelled pixels of one or many frames; NaN without labelled pixels."""

    pixels: int  # number of labelled pixels
    fixed: float  # share that only the candidate has right, 0 to 1
    broken: float  # share that only the baseline has right
    both_wrong: float  # share that neither has right
    both_right: float  # share that both have right


@dataclass(frozen=True)
class FrameFlips:
    """Correct pixels of two results in every frame."""

    first: np.ndarray  # (N,) int64 pixels that the baseline has right
    second: np.ndarray  # (N,) int64 pixels that the candidate has right
    pixels: np.ndarray  # (N,) int64 labelled pixels

    @property
    def net(self) -> np.ndarray:
        """(N,) int64 pixels fixed minus pixels broken; negative if the candidate is worse."""
        net: np.ndarray = self.second - self.first
        return net

    @property
    def share(self) -> np.ndarray:
        """(N,) float64 ``net`` as a share of the labelled pixels, -1 to 1; NaN without labelled pixels."""
        return divide(self.net, self.pixels)


def flip_map(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Classify every pixel by the correctness of two (H, W) predictions.

    Returns:
        (H, W) uint8: ``FIXED`` (wrong, then right), ``BROKEN`` (right, then wrong), ``BOTH_WRONG``, ``BOTH_RIGHT``, or
        255 for void ground truth.
    """
    before, after = first == truth, second == truth
    flips = np.where(before, np.where(after, BOTH_RIGHT, BROKEN), np.where(after, FIXED, BOTH_WRONG)).astype(np.uint8)
    flips[truth == IGNORE_INDEX] = IGNORE_INDEX
    return flips


def flip_counts(flips: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Count a (H, W) uint8 ``flip_map`` by ground truth class: (19, 4) int64 pixels in the order of ``FLIP_NAMES``."""
    scored = truth != IGNORE_INDEX
    cells = truth[scored].astype(np.int64) * len(FLIP_NAMES) + flips[scored]
    counts = np.bincount(cells, minlength=NUM_CLASSES * len(FLIP_NAMES))
    return counts.reshape(NUM_CLASSES, len(FLIP_NAMES))


def flip_shares(counts: np.ndarray) -> FlipShares:
    """Return (..., 4) ``flip_counts``, summed over everything else, as shares of all labelled pixels."""
    counts = counts.reshape(-1, len(FLIP_NAMES)).sum(0)
    total = int(counts.sum())
    return FlipShares(total, *(float(count / total) if total else float("nan") for count in counts))


def frame_flips(first: np.ndarray, second: np.ndarray, train_id: int | None = None) -> FrameFlips:
    """Compare the correct pixels of two results in every frame, of one ground truth class or of all.

    Raises UsageError if the two were not counted on the same labelled pixels.
    """
    truth, others = first.sum(2), second.sum(2)
    if not np.array_equal(truth, others):
        raise UsageError(
            "flips: expected two results counted on the same labelled pixels, found different frames or sizes; "
            "evaluate both on the same data at the same size"
        )
    right = [np.diagonal(matrices, axis1=1, axis2=2) for matrices in (first, second)]
    classes = slice(None) if train_id is None else slice(train_id, train_id + 1)
    return FrameFlips(right[0][:, classes].sum(1), right[1][:, classes].sum(1), truth[:, classes].sum(1))


def ordered(flips: FrameFlips, order: Order) -> np.ndarray:
    """Return (K,) int64 positions of the frames with labelled pixels, sorted (stably) by fixed minus broken."""
    key = flips.net if order == "most broken" else -flips.net
    positions = np.argsort(key, kind="stable")
    return positions[flips.pixels[positions] > 0]
