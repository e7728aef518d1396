"""Reading and resizing photos and label maps: the one place where pixels are prepared.

Training, evaluation and prediction all come through here, so they cannot drift apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from cityseg import labels
from cityseg.errors import DataError


def read_photo(path: Path) -> np.ndarray:
    """Decode a photo to (H, W, 3) uint8 RGB.

    Raises:
        DataError: the file is missing, damaged or not an image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error, "photo") from None


def read_label(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Decode a label-id image to (H, W) uint8 train ids.

    Args:
        path: a ``*_gtFine_labelIds.png``.
        size: (height, width) its photo has.

    Raises:
        DataError: the file is missing, damaged, of another size, not 8-bit grey, or holds an unknown id.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("L", "P"):
                raise DataError(
                    f"{path}: expected an 8-bit image of label ids, found mode {image.mode}; "
                    "use the *_gtFine_labelIds.png files"
                )
            label_ids = np.asarray(image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error, "label") from None
    if label_ids.shape != size:
        raise DataError(
            f"{path}: expected the photo's size {size[0]}x{size[1]}, found {label_ids.shape[0]}x{label_ids.shape[1]}; "
            "photo and label must show the same frame"
        )
    return labels.to_train_ids(label_ids, str(path))


def resize_photo(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to (*size, 3): area average where it shrinks, bilinear where it grows."""
    height, width = size
    if photo.shape[:2] == size:
        return photo
    shrinks = height < photo.shape[0] or width < photo.shape[1]
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(photo).resize((width, height), method))


def resize_label(train_ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) uint8 train ids to ``size`` by the nearest pixel; ids are never mixed."""
    if train_ids.shape == size:
        return train_ids
    return np.asarray(Image.fromarray(train_ids).resize((size[1], size[0]), Image.Resampling.NEAREST))


def _unreadable(path: Path, error: Exception, what: str) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: expected a {what}, found no file")
    if isinstance(error, UnidentifiedImageError):
        return DataError(f"{path}: expected a {what} (PNG, JPEG or another image), found a file that is no image")
    return DataError(f"{path}: expected a readable {what}, found a damaged file ({error}); copy it again")
