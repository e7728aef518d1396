"""Enlarged crops of a photo with a region outlined."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

_INNER, _OUTER = (255, 255, 255), (0, 0, 0)
"""A white line inside a black one is visible on any background."""
_MIN_SHARE = 0.15
"""Smallest crop as a share of the photo's height, so that the surroundings can be recognised."""


def outlined_crop(
    photo: np.ndarray,
    mask: np.ndarray,
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    *,
    stretch: float = 1.0,
    aspect: float = 1.5,
    width: int = 480,
) -> np.ndarray:
    """Cut a region and its surroundings out of a photo.

    Args:
        photo: (H, W, 3) uint8.
        mask: (h, w) bool, the region inside its box.
        box: (top, left, bottom, right) of the region in its label map.
        size: (height, width) of that map, which covers the whole photo.
        stretch: display width over stored width of the photo.
        aspect: width over height of the displayed crop.
        width: of the displayed crop, in pixels.

    Returns:
        (round(width / aspect), width, 3) uint8. Outlines follow the pixels of the label map.
    """
    height, full = photo.shape[:2]
    down, across = height / size[0], full * stretch / size[1]
    top, left, bottom, right = box[0] * down, box[1] * across, box[2] * down, box[3] * across
    tall = max(1.6 * (bottom - top), 1.6 * (right - left) / aspect, _MIN_SHARE * height)
    tall = min(tall, height, full * stretch / aspect)
    y = min(max((top + bottom - tall) / 2, 0.0), height - tall)
    x = min(max((left + right - tall * aspect) / 2, 0.0), full * stretch - tall * aspect)
    shown = (width, round(width / aspect))
    window = (x / stretch, y, (x + tall * aspect) / stretch, y + tall)
    crop = np.array(Image.fromarray(photo).resize(shown, Image.Resampling.BICUBIC, box=window))
    rows = ((np.arange(shown[1]) + 0.5) * tall / shown[1] + y) / down
    columns = ((np.arange(shown[0]) + 0.5) * tall * aspect / shown[0] + x) / across
    inside = _sampled(mask, np.floor(rows).astype(int) - box[0], np.floor(columns).astype(int) - box[1])
    crop[ndimage.binary_dilation(inside, iterations=4) & ~inside] = _OUTER
    crop[ndimage.binary_dilation(inside, iterations=2) & ~inside] = _INNER
    return crop


def _sampled(mask: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Index a mask at rows x columns, False outside."""
    valid = ((rows >= 0) & (rows < mask.shape[0]))[:, None] & ((columns >= 0) & (columns < mask.shape[1]))
    values: np.ndarray = mask[np.clip(rows, 0, mask.shape[0] - 1)][:, np.clip(columns, 0, mask.shape[1] - 1)]
    return np.asarray(values & valid)
