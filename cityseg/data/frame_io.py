"""Read and resize photos and label maps.

Training, evaluation and prediction share these functions, so their preprocessing is identical.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from cityseg.classes import OFFICIAL, LabelTable
from cityseg.data.layouts.source_file import SourceFile
from cityseg.data.png_decode import decode_png
from cityseg.errors import DataError

# Everything Pillow raises for damaged files of any format.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


class ModeError(DataError):
    """The pixels of a label image are not plain label values."""


def read_photo(file: SourceFile, content: bytes | None = None) -> np.ndarray:
    """Decode a photo, or its ``content`` if already read, to (H, W, 3) uint8 RGB.

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


def read_label(file: SourceFile, size: tuple[int, int], table: LabelTable = OFFICIAL) -> np.ndarray:
    """Decode the label image of a photo of (height, width) ``size`` to (H, W) uint8 train ids.

    Raises:
        DataError: the file is missing, damaged, of another size or mode, or contains an unknown label value.
    """
    values = read_values(file, table)
    check_size(file, values, size)
    return table.to_train_ids(values, str(file))


def read_values(file: SourceFile, table: LabelTable = OFFICIAL) -> np.ndarray:
    """Decode a label image to (H, W) stored values, uint8, or uint16 if ``table`` allows 16 bits.

    Raises:
        DataError: the file is missing, damaged, not a PNG, or of another mode, whose conversion could change values.
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


def check_size(file: SourceFile, values: np.ndarray, size: tuple[int, int], whose: str = "photo's") -> None:
    """Check that (H, W) values have the (height, width) ``size`` of their photo, or another image of the frame.

    Raises:
        DataError: the sizes differ.
    """
    if values.shape != size:
        raise DataError(
            f"{file}: expected the {whose} size {size[0]}x{size[1]}, found {values.shape[0]}x{values.shape[1]}; "
            "both must show the same frame"
        )


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


def _unreadable(file: SourceFile, error: Exception, what: str) -> DataError:
    if isinstance(error, UnidentifiedImageError):
        return DataError(f"{file}: expected a {what} (PNG, JPEG or another image), found a file that is not an image")
    if isinstance(error, Image.DecompressionBombError):
        return DataError(f"{file}: expected a {what} of a usual size, found far too many pixels; make it smaller")
    # A decoder may quote bytes of the file.
    reason = "".join(sign if sign.isprintable() else " " for sign in str(error))
    return DataError(f"{file}: expected a readable {what}, found a damaged file ({reason}); copy it again")
