"""The one reader of photos: datasets, prediction, the demo and frames in folders see the same pixels of a file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, UnidentifiedImageError

from cityseg.data.layouts.dataset_files import read_regular
from cityseg.data.photo_color import ColorTags, color_tags, scale_transparency, to_srgb
from cityseg.data.png_decode import decode_png
from cityseg.data.tiff_decode import decode_deep_tiff
from cityseg.errors import DataError, OutOfMemory

READER_VERSION = 3
"""Changes whenever a file's pixels are read differently; caches of other versions are made anew."""
MAX_PIXELS = 50_000_000
"""Largest accepted photo in pixels."""
MAX_FRAME_PIXELS = 170_000_000
"""Largest accepted photo of a dataset, which is decoded once and not shown at its own size."""
KINDS = "JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF"
"""Supported formats, for messages."""
ENDINGS = (
    *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "webp", "heic", "heif", "hif", "avif", "bmp", "tif", "tiff"),
    "gif",
)
"""Their usual file name suffixes, in lower case."""
# Formats that are not photos are excluded, in particular PostScript.
_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF")
DAMAGE = (
    *(OSError, SyntaxError, ValueError, RuntimeError, EOFError, LookupError, TypeError, ArithmeticError),
    *(AttributeError, AssertionError, struct.error, zlib.error),
)
"""Exceptions that Pillow and its plug-ins raise for damaged files, found by corrupting many files."""

_VAGUE = "could not create decoder object"
"""What Pillow reports of a WebP that is damaged, and of one that finds no memory."""
_BAND_PIXELS = 1_000_000
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn the stored pixels of each EXIF orientation upright."""
_SIDEWAYS = (5, 6, 7, 8)

pillow_heif.register_heif_opener()
Image.init()  # otherwise ``open`` would not know the rarer formats by name


def decode_photo(data: bytes, name: str = "photo", max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a photo to (H, W, 3) uint8 sRGB.

    Applies the EXIF orientation and the colour profile, blends transparency with white, scales 16-bit samples to 8
    bits, and uses the first image of a multi-image file. Damaged metadata is ignored. Error messages begin with
    ``name``.

    Raises:
        DataError: not an image, a damaged image, or more than ``max_pixels`` pixels.
        OutOfMemory: too little memory to decode it.
    """
    if not data:
        raise DataError(f"{name}: expected a photo, found an empty file")
    with decoding(name, max_pixels):
        pixels = decode_png(data, 3, max_pixels)
        if pixels is not None:
            return pixels
        with decode_deep_tiff(data, max_pixels) or Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise DataError(
                    f"{name}: expected at most {max_pixels // 10**6} megapixels, found {width}x{height}; "
                    "make it smaller first"
                )
            if not width * height:
                raise ValueError("it has no pixels")
            scale_transparency(image)
            image.load()  # also reads the metadata behind the pixels, and turns a TIFF
            return _pixels(upright(image, color_tags(data, image)))


def upright(image: Image.Image, tags: ColorTags | None = None) -> Image.Image:
    """Return the current frame of an opened image as RGB in sRGB, turned as its EXIF orientation says."""
    turn = _TURNS.get(_orientation(image))
    converted = to_srgb(image, tags)
    return converted if turn is None else converted.transpose(turn)


@contextmanager
def decoding(name: str, max_pixels: int, what: str = "photo", kinds: str = KINDS) -> Iterator[None]:
    """Convert whatever a decoder raises for the file ``name`` to a sentence.

    Raises:
        DataError: not a file of these ``kinds``, a damaged one, or one with far more than ``max_pixels``.
        OutOfMemory: too little memory to decode it.
    """
    try:
        yield
    except UnidentifiedImageError:
        raise DataError(f"{name}: expected a {what} ({kinds}), found another kind of file") from None
    except Image.DecompressionBombError:
        at_most = f"at most {max_pixels // 10**6} megapixels"
        raise DataError(f"{name}: expected {at_most}, found far more; make it smaller first") from None
    except (MemoryError, *DAMAGE) as error:
        # A decoder may quote bytes of the file, and some append a line break.
        reason = "".join(sign if sign.isprintable() else " " for sign in " ".join(str(error).split()))
        if isinstance(error, MemoryError) or "memory" in reason.lower() or (_VAGUE in reason and _is_memory_short()):
            remedy = "make it smaller or end other programs"
            raise OutOfMemory(f"{name}: expected enough memory to decode it, found too little; {remedy}") from None
        raise DataError(f"{name}: expected a whole {what}, found a damaged one ({reason}); copy it again") from None


def _is_memory_short() -> bool:
    """Whether the largest photo would find no room; the pages are not touched."""
    try:
        np.empty((MAX_PIXELS, 4), np.uint8)
    except MemoryError:
        return True
    return False


def sideways(data: bytes) -> int:
    """Return the EXIF orientation of a photo if it exchanges height and width, else 0."""
    orientation = 0
    ignored = suppress(MemoryError, Image.DecompressionBombError, *DAMAGE)
    with ignored, Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        orientation = _orientation(image)
    return orientation if orientation in _SIDEWAYS else 0


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation that is to be applied to the stored pixels, 1 if none can be read."""
    with suppress(*DAMAGE):
        value = image.getexif().get(_ORIENTATION_TAG, 1)
        return value if isinstance(value, int) else 1
    return 1


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the (H, W, 3) uint8 pixels of an RGB image; converting all rows at once would make two more copies."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        below = min(image.height, top + rows)
        pixels[top:below] = np.asarray(image.crop((0, top, image.width, below)))
    return pixels


def read_photo_file(path: Path, name: str | None = None) -> np.ndarray:
    """Decode a photo file like ``decode_photo``; error messages begin with ``name``, by default its path.

    Raises:
        DataError: the file cannot be read, or is a folder or a device; also as raised by ``decode_photo``.
        OutOfMemory: too little memory to decode it.
    """
    name = name or str(path)
    return decode_photo(read_regular(path, name, "photo", "choose another"), name)
