"""Confusion matrices of several results: normalised, subtracted, and the confusions that are largest or changed most.

Matrices have rows = ground truth and columns = prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cityseg.metrics import divide

Normalisation = Literal["truth", "prediction"]
"""Divide by the pixels of the ground truth class (recall on the diagonal) or of the predicted class (precision)."""


@dataclass(frozen=True)
class ComparedConfusion:
    """One confusion in several results."""

    truth: int  # train id of the ground truth
    predicted: int  # train id of the prediction
    shares: tuple[float, ...]  # of each result in order, 0 to 1; NaN for a result without pixels to divide by


def normalised(confusion: np.ndarray, view: Normalisation = "truth") -> np.ndarray:
    """Divide (C, C) counts by the sum of each row (``truth``) or column (``prediction``); NaN for a sum of 0."""
    counts = np.asarray(confusion, dtype=np.float64)
    return divide(counts, counts.sum(1 if view == "truth" else 0, keepdims=True))


def confusion_difference(first: np.ndarray, second: np.ndarray, view: Normalisation = "truth") -> np.ndarray:
    """Return the second's shares minus the first's: (C, C) float64, -1 to 1; NaN if either has no share."""
    difference: np.ndarray = normalised(second, view) - normalised(first, view)
    return difference


def improvement(difference: np.ndarray) -> np.ndarray:
    """Negate a (C, C) difference of confusions off the diagonal, so that more is better everywhere."""
    better = -np.asarray(difference, dtype=np.float64)
    np.fill_diagonal(better, np.diagonal(difference))
    return better


def largest_confusions(
    confusions: Sequence[np.ndarray], view: Normalisation = "truth", limit: int = 8
) -> tuple[ComparedConfusion, ...]:
    """Return up to ``limit`` confusions of (C, C) counts, those with the largest share in any result first."""
    shares = _off_diagonal(confusions, view)
    return _top(shares, np.nan_to_num(shares).max(0), limit)


def changed_confusions(
    first: np.ndarray, second: np.ndarray, view: Normalisation = "truth", limit: int = 8
) -> tuple[ComparedConfusion, ...]:
    """Return up to ``limit`` confusions of two (C, C) counts, those whose share changed most first."""
    shares = _off_diagonal([first, second], view)
    return _top(shares, np.nan_to_num(np.abs(shares[1] - shares[0])), limit)


def _off_diagonal(confusions: Sequence[np.ndarray], view: Normalisation) -> np.ndarray:
    shares = np.stack([normalised(confusion, view) for confusion in confusions])
    diagonal = np.arange(shares.shape[1])
    shares[:, diagonal, diagonal] = np.nan
    return shares


def _top(shares: np.ndarray, key: np.ndarray, limit: int) -> tuple[ComparedConfusion, ...]:
    cells = (divmod(int(cell), key.shape[1]) for cell in np.argsort(-key, axis=None, kind="stable")[:limit])
    return tuple(
        ComparedConfusion(truth, predicted, tuple(map(float, shares[:, truth, predicted])))
        for truth, predicted in cells
        if key[truth, predicted] > 0
    )
