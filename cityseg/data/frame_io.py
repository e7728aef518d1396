"""Reading and resizing photos and label maps: the one place where pixels are prepared.

Training, evaluation and prediction all come through here, so they cannot drift apart.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from cityseg.classes import OFFICIAL, LabelTable
from cityseg.data.layouts.source_file import StoredFile
from cityseg.data.png_decode import decode_png
from cityseg.errors import DataError

# What Pillow raises for damaged files, whatever they are.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class ModeError(DataError):
    """A label image whose pixels are not plain label values."""


def read_photo(file: StoredFile, content: bytes | None = None) -> np.ndarray:
    """Decode a photo to (H, W, 3) uint8 RGB.

    Args:
        file: the photo.
        content: its bytes, where they have been read already.

    Raises:
        DataError: the file is missing, damaged or not an image.
    """
    content = file.read() if content is None else content
    try:
        photo = decode_png(content, 3)
        if photo is not None:
            return photo
        with Image.open(BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except _DAMAGE as error:
        raise _unreadable(file, error, "photo") from None


def read_label(file: StoredFile, size: tuple[int, int], table: LabelTable = OFFICIAL) -> np.ndarray:
    """Decode a label image to (H, W) uint8 train ids.

    Args:
        file: a ``*_gtFine_labelIds.png``, or the label image of another set.
        size: (height, width) its photo has.
        table: what its values mean.

    Raises:
        DataError: the file is missing, damaged, of another size, not 8-bit grey, or holds an unknown id.
    """
    values = read_values(file, table)
    check_size(file, values, size)
    return table.to_train_ids(values, str(file))


def read_values(file: StoredFile, table: LabelTable = OFFICIAL) -> np.ndarray:
    """Decode a label image to (H, W) values as they are stored, uint8, or uint16 where ``table`` allows 16 bits.

    Raises:
        DataError: the file is missing, damaged, no PNG, or has another mode; smoothing and scaling change values.
    """
    content = file.read()
    try:
        values = decode_png(content, 1)
        if values is not None:
            return values
        with Image.open(BytesIO(content)) as image:
            if image.format != "PNG":
                raise ModeError(f"{file}: expected a PNG of labels, found {image.format}; convert the labels to PNG")
            mode = f"{content[24]}-bit grey" if content[24] in (2, 4) and content[25] == 0 else image.mode
            if mode not in (("L", "P", "I;16") if table.sixteen_bit else ("L", "P")):
                raise ModeError(f"{file}: expected {table.image}, found mode {mode}; {table.image_hint}")
            return np.asarray(image)
    except _DAMAGE as error:
        raise _unreadable(file, error, "label") from None


def check_size(file: StoredFile, values: np.ndarray, size: tuple[int, int]) -> None:
    """Refuse (H, W) label values that are not as large as their photo.

    Raises:
        DataError: ``size``, (height, width) of the photo, is another.
    """
    if values.shape != size:
        raise DataError(
            f"{file}: expected the photo's size {size[0]}x{size[1]}, found {values.shape[0]}x{values.shape[1]}; "
            "photo and label must show the same frame"
        )


def resize_photo(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to (*size, 3): area average where it shrinks, bilinear where it grows."""
    height, width = size
    if photo.shape[:2] == size:
        return photo
    image = Image.fromarray(photo)
    factors = _whole_factors(photo.shape[:2], size)
    if factors:
        # The mean of whole blocks, rounded once; the box filter rounds after columns and again after rows.
        return np.asarray(image.reduce((factors[1], factors[0])))
    shrinks = height < photo.shape[0] or width < photo.shape[1]
    return np.asarray(image.resize((width, height), Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR))


def resize_label(train_ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) uint8 train ids to ``size`` by the nearest pixel; ids are never mixed."""
    if train_ids.shape == size:
        return train_ids
    factors = _whole_factors(train_ids.shape, size)
    if factors:
        return np.ascontiguousarray(train_ids[factors[0] // 2 :: factors[0], factors[1] // 2 :: factors[1]])
    return np.asarray(Image.fromarray(train_ids).resize((size[1], size[0]), Image.Resampling.NEAREST))


def _whole_factors(given: tuple[int, ...], wanted: tuple[int, int]) -> tuple[int, int] | None:
    """Return by what height and width shrink, or None unless both are whole numbers."""
    (rows, rest_of_rows), (columns, rest_of_columns) = (
        divmod(have, want) for have, want in zip(given, wanted, strict=True)
    )
    return (rows, columns) if not rest_of_rows and not rest_of_columns else None


def _unreadable(file: StoredFile, error: Exception, what: str) -> DataError:
    if isinstance(error, UnidentifiedImageError):
        return DataError(f"{file}: expected a {what} (PNG, JPEG or another image), found a file that is no image")
    if isinstance(error, Image.DecompressionBombError):
        return DataError(f"{file}: expected a {what} of a usual size, found far too many pixels; make it smaller")
    # A decoder may quote what it read, whatever bytes that are.
    reason = "".join(sign if sign.isprintable() else " " for sign in str(error))
    return DataError(f"{file}: expected a readable {what}, found a damaged file ({reason}); copy it again")
