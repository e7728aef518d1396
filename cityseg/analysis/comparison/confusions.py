"""Confusion matrices of several results: as shares, as a difference, and the confusions in which they differ.

Matrices have rows = truth and columns = prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

View = Literal["truth", "prediction"]
"""Divide by the pixels of the true class (recall on the diagonal), or by those given a class (precision)."""


@dataclass(frozen=True)
class ComparedPair:
    """One confusion in several results.

    Attributes:
        truth: train id of what the pixels are.
        predicted: train id of what they are called.
        shares: of each result in order, 0 to 1; NaN where a result has no pixel to divide by.
    """

    truth: int
    predicted: int
    shares: tuple[float, ...]


def normalised(confusion: np.ndarray, view: View = "truth") -> np.ndarray:
    """Turn counts into shares of each row, or of each column.

    Args:
        confusion: (C, C) counts.
        view: ``truth`` makes rows add up to 1, ``prediction`` columns.

    Returns:
        (C, C) float64, 0 to 1; NaN in a row (column) without pixels.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    total = counts.sum(1 if view == "truth" else 0, keepdims=True)
    return np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def confusion_difference(first: np.ndarray, second: np.ndarray, view: View = "truth") -> np.ndarray:
    """Subtract the first result's shares from the second's.

    Returns:
        (C, C) float64, -1 to 1; NaN where either has no share.
    """
    difference: np.ndarray = normalised(second, view) - normalised(first, view)
    return difference


def improvement(difference: np.ndarray) -> np.ndarray:
    """Turn a difference of confusions so that more is better: as it is on the diagonal, negated off it.

    Args:
        difference: (C, C) of shares or counts.
    """
    better = -np.asarray(difference, dtype=np.float64)
    np.fill_diagonal(better, np.diagonal(difference))
    return better


def compared_pairs(confusions: Sequence[np.ndarray], view: View = "truth", limit: int = 8) -> tuple[ComparedPair, ...]:
    """List the confusions that are largest in any of the results.

    Args:
        confusions: (C, C) counts of each result.
        view: what the shares refer to.
        limit: at most so many.
    """
    shares = _off_diagonal(confusions, view)
    return _pairs(shares, np.nan_to_num(shares).max(0), limit)


def changed_pairs(
    first: np.ndarray, second: np.ndarray, view: View = "truth", limit: int = 8
) -> tuple[ComparedPair, ...]:
    """List the confusions whose share changes most from the first result to the second, in either direction."""
    shares = _off_diagonal([first, second], view)
    return _pairs(shares, np.nan_to_num(np.abs(shares[1] - shares[0])), limit)


def _off_diagonal(confusions: Sequence[np.ndarray], view: View) -> np.ndarray:
    shares = np.stack([normalised(confusion, view) for confusion in confusions])
    shares[:, np.arange(shares.shape[1]), np.arange(shares.shape[1])] = np.nan
    return shares


def _pairs(shares: np.ndarray, key: np.ndarray, limit: int) -> tuple[ComparedPair, ...]:
    pairs = []
    for cell in np.argsort(-key, axis=None, kind="stable")[:limit]:
        truth, predicted = divmod(int(cell), key.shape[1])
        if key[truth, predicted] > 0:
            pairs.append(ComparedPair(truth, predicted, tuple(map(float, shares[:, truth, predicted]))))
    return tuple(pairs)
