"""What changes from one model to another: pixels fixed and broken, and the frames where most of it happens.

Pixel by pixel this needs both predictions (``flip_map``). The per-frame confusion matrices know how many pixels each
model has right, so they give fixed minus broken of every frame (``frame_flips``), but not the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityseg.classes import IGNORE_INDEX, NUM_CLASSES
from cityseg.errors import UsageError

FIXED, BROKEN, BOTH_WRONG, BOTH_RIGHT = 0, 1, 2, 3
"""Values of ``flip_map``."""
FLIP_NAMES = ("fixed", "broken", "both wrong", "both right")
"""What they are called."""

Order = Literal["most broken", "most fixed"]
ORDERS: tuple[Order, ...] = ("most broken", "most fixed")


@dataclass(frozen=True)
class FlipShares:
    """How the labelled pixels of one or many frames fall into the four cases.

    Attributes:
        pixels: how many are labelled.
        fixed: share that only the second model has right, 0 to 1; NaN where nothing is labelled, as the others.
        broken: share that only the first has right.
        both_wrong: share that neither has right.
        both_right: share that both have right.
    """

    pixels: int
    fixed: float
    broken: float
    both_wrong: float
    both_right: float


@dataclass(frozen=True)
class FrameFlips:
    """What the matrices of two results say about every frame.

    Attributes:
        first: (N,) int64 pixels that the first has right.
        second: (N,) int64 pixels that the second has right.
        pixels: (N,) int64 pixels that are labelled.
    """

    first: np.ndarray
    second: np.ndarray
    pixels: np.ndarray

    @property
    def net(self) -> np.ndarray:
        """(N,) int64 pixels fixed minus pixels broken; negative where the second is worse."""
        net: np.ndarray = self.second - self.first
        return net

    @property
    def share(self) -> np.ndarray:
        """(N,) float64 ``net`` as a share of the labelled pixels, -1 to 1; NaN where nothing is labelled."""
        return np.divide(self.net, self.pixels, out=np.full(len(self.pixels), np.nan), where=self.pixels > 0)


def flip_map(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Say of every pixel what becomes of it from the first model to the second.

    Args:
        truth: (H, W) uint8 train ids.
        first: (H, W) uint8 train ids predicted by the first model.
        second: (H, W) uint8 by the second.

    Returns:
        (H, W) uint8: ``FIXED`` (wrong, then right), ``BROKEN`` (right, then wrong), ``BOTH_WRONG``, ``BOTH_RIGHT``,
        and 255 where the truth is void.
    """
    before, after = first == truth, second == truth
    flips = np.where(before, np.where(after, BOTH_RIGHT, BROKEN), np.where(after, FIXED, BOTH_WRONG)).astype(np.uint8)
    flips[truth == IGNORE_INDEX] = IGNORE_INDEX
    return flips


def flip_counts(flips: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Count the four cases of a ``flip_map`` for every class.

    Args:
        flips: (H, W) uint8.
        truth: (H, W) uint8 train ids that it was made with.

    Returns:
        (19, 4) int64 pixels of each true class that are fixed, broken, wrong twice and right twice.
    """
    scored = truth != IGNORE_INDEX
    cells = truth[scored].astype(np.int64) * len(FLIP_NAMES) + flips[scored]
    counts = np.bincount(cells, minlength=NUM_CLASSES * len(FLIP_NAMES))
    return counts.reshape(NUM_CLASSES, len(FLIP_NAMES))


def flip_shares(counts: np.ndarray) -> FlipShares:
    """Turn (..., 4) ``flip_counts``, of one frame or of several added up, into shares of all labelled pixels."""
    counts = counts.reshape(-1, len(FLIP_NAMES)).sum(0)
    total = int(counts.sum())
    shares = [float(count / total) if total else float("nan") for count in counts]
    return FlipShares(total, shares[FIXED], shares[BROKEN], shares[BOTH_WRONG], shares[BOTH_RIGHT])


def frame_flips(first: np.ndarray, second: np.ndarray, train_id: int | None = None) -> FrameFlips:
    """Compare how many pixels of every frame two results have right.

    Args:
        first: (N, C, C) counts, rows = truth.
        second: (N, C, C) counts of the same frames in the same order.
        train_id: look at the pixels that are this class only; None for all.

    Raises:
        UsageError: the two were not counted on the same labelled pixels.
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
    """Order frames by pixels fixed minus pixels broken; frames without labelled pixels are left out.

    Returns:
        (K,) int64 positions; what is equal keeps its order.
    """
    key = flips.net if order == "most broken" else -flips.net
    positions = np.argsort(key, kind="stable")
    return positions[flips.pixels[positions] > 0]
