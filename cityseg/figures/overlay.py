"""Label maps laid over photos."""

from __future__ import annotations

import numpy as np

from cityseg.labels import IGNORE_INDEX, PALETTE


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
    mixed = photo * (1 - opacity) + palette[train_ids] * opacity
    return np.where((train_ids == IGNORE_INDEX)[..., None], photo, mixed.round().astype(np.uint8))
