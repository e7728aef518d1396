"""Class distributions of splits compared, with confidence intervals.

Frames are the sampling units: pixels of one frame are correlated, so a class share is a ratio of two sums over frames,
and its error follows from the variation between frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_Z95 = 1.959964
"""Half width of a two-sided 95 % interval of the normal distribution, in standard errors."""


@dataclass(frozen=True)
class Ratios:
    """Ratio of each class's share in one split to its share in another."""

    ratio: np.ndarray  # (19,) float64; NaN if either split lacks the class
    low: np.ndarray  # (19,) float64 lower end of the 95 % interval; NaN if the ratio is or a split has only one frame
    high: np.ndarray  # (19,) float64 upper end

    @property
    def differs(self) -> np.ndarray:
        """(19,) bool: classes whose interval excludes 1."""
        return (self.low > 1) | (self.high < 1)


def total_variation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the total variation distance of two (19,) distributions: half the sum of the absolute differences.

    It is the smallest share of pixels that would have to change class to turn one into the other: 0 for equal, 1 for
    disjoint distributions, NaN if either is NaN.
    """
    return float(np.abs(first - second).sum() / 2)


def share_ratios(pixels: np.ndarray, reference: np.ndarray) -> Ratios:
    """Compare the class shares of two splits, from the (N, 19) pixels of each class in each frame.

    The standard error of a share is that of a ratio estimator (Cochran, Sampling Techniques, 3rd edition, section 6.3,
    without the finite population correction); the interval is computed on the logarithm of the ratio, where the squares
    of the two relative errors add up. Frames are treated as independent; frames of one city are similar, so true
    intervals are wider.
    """
    (share, error), (base, base_error) = _share_and_relative_error(pixels), _share_and_relative_error(reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((share > 0) & (base > 0), share / base, np.nan)
    factor = np.exp(_Z95 * np.hypot(error, base_error))
    return Ratios(ratio, ratio / factor, ratio * factor)


def _share_and_relative_error(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (19,) shares and their (19,) standard errors as a fraction of the share."""
    labelled = pixels.sum(1)
    frames = len(pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = pixels.sum(0) / labelled.sum()
        residuals = pixels - share * labelled[:, None]
        variance = (residuals**2).sum(0) * frames / (frames - 1) / float(labelled.sum()) ** 2
        return share, np.sqrt(variance) / share
