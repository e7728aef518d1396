"""Read and resize photos and label maps.

Training, evaluation and prediction share these functions, so their preprocessing is identical.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from cityseg.classes import OFFICIAL, LabelTable
from cityseg.data.image_io import MAX_FRAME_PIXELS, decode_photo, sideways
from cityseg.data.label_decode import decode_label
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.errors import DataError


def read_photo(file: SourceFile, content: bytes | None = None) -> np.ndarray:
    """Decode a photo, or its ``content`` if already read, to (H, W, 3) uint8 sRGB as ``decode_photo`` does.

    Raises:
        DataError: the file is missing, damaged, too large or not an image.
        OutOfMemory: too little memory to decode it.
    """
    return decode_photo(file.read() if content is None else content, str(file), MAX_FRAME_PIXELS)


def read_label(
    file: SourceFile, size: tuple[int, int], table: LabelTable = OFFICIAL, photo: SourceFile | None = None
) -> np.ndarray:
    """Decode the label image of a photo of (height, width) ``size`` to (H, W) uint8 train ids.

    Labels are never turned: they are drawn on the photo as viewers show it. ``photo`` lets a message name a turn.

    Raises:
        DataError: the file is missing, damaged, of another size or mode, or holds an unknown label value.
    """
    values = read_values(file, table)
    check_size(file, values, size, photo=photo)
    return table.to_train_ids(values, str(file))


def read_values(file: SourceFile, table: LabelTable = OFFICIAL) -> np.ndarray:
    """Decode a label image to (H, W) values as ``decode_label`` does.

    Raises:
        DataError: the file is missing, damaged, not a PNG, or does not hold one value per pixel.
    """
    return decode_label(file.read(), table, str(file))


def check_size(
    file: SourceFile,
    values: np.ndarray,
    size: tuple[int, int],
    whose: str = "photo's",
    photo: SourceFile | None = None,
) -> None:
    """Check that (H, W) values have the (height, width) ``size`` of their photo, or another image of the frame.

    Raises:
        DataError: the sizes differ; the message names the turn that the orientation of ``photo`` asks for.
    """
    if values.shape == size:
        return
    turn = sideways(photo.read()) if photo else 0
    expected = f"{size[0]}x{size[1]}" + (f" after the turn by its EXIF orientation {turn}" if turn else "")
    found, remedy = f"{values.shape[0]}x{values.shape[1]}", "both must show the same frame"
    if turn and values.shape == size[::-1]:
        found += ", the size of the photo before that turn"
        remedy = "turn the label too, or remove the orientation from the photo"
    raise DataError(f"{file}: expected the {whose} size {expected}, found {found}; {remedy}")


def resize_photo(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to (*size, 3): area average for shrinking, bilinear for enlarging."""
    height, width = size
    if photo.shape[:2] == size:
        return photo
    image = Image.fromarray(photo)
    factors = _whole_factors(photo.shape[:2], size)
    if factors:
        # The mean of whole blocks is rounded once; the box filter would round after columns and again after rows.
        return np.asarray(image.reduce((factors[1], factors[0])))
    shrinks = height < photo.shape[0] or width < photo.shape[1]
    return np.asarray(image.resize((width, height), Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR))


def resize_label(train_ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) uint8 train ids to ``size`` by the nearest pixel."""
    if train_ids.shape == size:
        return train_ids
    factors = _whole_factors(train_ids.shape, size)
    if factors:
        return np.ascontiguousarray(train_ids[factors[0] // 2 :: factors[0], factors[1] // 2 :: factors[1]])
    return np.asarray(Image.fromarray(train_ids).resize((size[1], size[0]), Image.Resampling.NEAREST))


def _whole_factors(size: tuple[int, ...], target: tuple[int, int]) -> tuple[int, int] | None:
    """Return the reduction factors of height and width, or None unless both are integers."""
    if size[0] % target[0] or size[1] % target[1]:
        return None
    return size[0] // target[0], size[1] // target[1]
