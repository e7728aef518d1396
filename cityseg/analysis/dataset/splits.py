"""How alike the splits of a dataset are: does one hold more of a class than another, and is that more than chance?

Frames are the units. Pixels of one frame depend on each other, so a share is a ratio of two sums over frames, and its
error follows from how the frames scatter around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_Z95 = 1.959964
"""Half width of a two-sided 95 % interval of the normal distribution, in standard errors."""


@dataclass(frozen=True)
class Ratios:
    """Each class's share in one split over its share in another.

    Attributes:
        ratio: (19,) float64; NaN where either split lacks the class.
        low: (19,) float64 lower end of the 95 % interval; NaN where the ratio is, or where a split has one frame.
        high: (19,) float64 upper end.
    """

    ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def differs(self) -> np.ndarray:
        """(19,) bool: classes whose interval leaves 1 out."""
        return (self.low > 1) | (self.high < 1)


def total_variation(first: np.ndarray, second: np.ndarray) -> float:
    """Return half the sum of the absolute differences of two (19,) distributions.

    It is the least share of pixels that would have to change their class to turn one into the other: 0 for equal
    distributions, 1 for those that have nothing in common. NaN if either is unknown.
    """
    return float(np.abs(first - second).sum() / 2)


def share_ratios(pixels: np.ndarray, reference: np.ndarray) -> Ratios:
    """Compare the class shares of two splits.

    The standard error of a share is that of a ratio estimator (Cochran, Sampling Techniques, 3rd edition, section 6.3,
    without the finite population correction); the interval is taken on the logarithm of the ratio, where the two
    relative errors add up as squares. Frames count as independent. Those of one city look alike, so true intervals
    are wider.

    Args:
        pixels: (N, 19) pixels of each class in each frame.
        reference: (M, 19) the same of the split to compare with.
    """
    (share, error), (base, base_error) = _share_and_relative_error(pixels), _share_and_relative_error(reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((share > 0) & (base > 0), share / base, np.nan)
    factor = np.exp(_Z95 * np.hypot(error, base_error))
    return Ratios(ratio, ratio / factor, ratio * factor)


def _share_and_relative_error(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (19,) shares and their (19,) standard errors as a fraction of the share."""
    scored = pixels.sum(1)
    frames = len(pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = pixels.sum(0) / scored.sum()
        residuals = pixels - share * scored[:, None]
        variance = (residuals**2).sum(0) * frames / (frames - 1) / float(scored.sum()) ** 2
        return share, np.sqrt(variance) / share
