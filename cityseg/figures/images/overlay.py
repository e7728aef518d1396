"""Label maps blended over photos."""

from __future__ import annotations

import numpy as np

from cityseg.classes import IGNORE_INDEX, PALETTE

_BAND_PIXELS = 1_000_000
"""Pixels blended at a time."""


def overlay(
    photo: np.ndarray, train_ids: np.ndarray, opacity: float = 0.55, palette: np.ndarray = PALETTE
) -> np.ndarray:
    """Blend class colours over a photo; void shows the photo.

    Args:
        photo: (H, W, 3) uint8.
        train_ids: (H, W) uint8.
        opacity: weight of the colours, 0 to 1.
        palette: (256, 3) uint8.

    Returns:
        (H, W, 3) uint8.
    """
    # The result depends on a value, a class and a channel only, so all combinations are blended once and looked up.
    values = np.arange(256, dtype=np.uint8)[:, None]
    blended = (values * (1 - opacity) + palette[:, None] * opacity).round().astype(np.uint8)
    blended[IGNORE_INDEX] = values
    result = np.empty_like(photo)
    rows = max(1, _BAND_PIXELS // max(1, photo.shape[1]))
    for top in range(0, photo.shape[0], rows):
        band = slice(top, top + rows)
        classes = train_ids[band].astype(np.uint16) << 8
        for channel in range(3):
            result[band, :, channel] = blended[..., channel].ravel()[classes | photo[band, :, channel]]
    return result
