"""Label maps laid over photos."""

from __future__ import annotations

import numpy as np

from cityseg.labels import IGNORE_INDEX, PALETTE

_BAND_PIXELS = 1_000_000
"""Pixels that are blended at once: in floating point a photo takes eight times its memory, twice."""


def overlay(
    photo: np.ndarray, train_ids: np.ndarray, opacity: float = 0.55, palette: np.ndarray = PALETTE
) -> np.ndarray:
    """Blend class colours over a photo; void stays photo.

    Args:
        photo: (H, W, 3) uint8.
        train_ids: (H, W) uint8.
        opacity: weight of the colours, 0 to 1.
        palette: (256, 3) uint8.

    Returns:
        (H, W, 3) uint8.
    """
    laid = np.empty_like(photo)
    rows = max(1, _BAND_PIXELS // max(1, photo.shape[1]))
    for top in range(0, photo.shape[0], rows):
        band = slice(top, top + rows)
        mixed = photo[band] * (1 - opacity) + palette[train_ids[band]] * opacity
        void = (train_ids[band] == IGNORE_INDEX)[..., None]
        laid[band] = np.where(void, photo[band], mixed.round().astype(np.uint8))
    return laid
