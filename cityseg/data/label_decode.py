"""Decode label images to one value per pixel, however the file stores them."""

from __future__ import annotations

from io import BytesIO

import imagecodecs
import numpy as np
from PIL import Image

from cityseg.classes import OFFICIAL, LabelTable
from cityseg.data.image_io import MAX_FRAME_PIXELS, decoding
from cityseg.data.png_decode import decode_png
from cityseg.errors import DataError

_DEPTH, _KIND = 24, 25  # offsets of bit depth and colour type in a PNG
_GREY, _RGB, _PALETTE, _ALPHA = 0, 2, 3, 4


class ModeError(DataError):
    """The pixels of a label image are not plain label values."""


def decode_label(content: bytes, table: LabelTable = OFFICIAL, source: str = "label") -> np.ndarray:
    """Decode a label image to (H, W) values: uint8, uint16, or for a ``ColorTable`` uint32 colours, 0xRRGGBB.

    Greys of any bit depth and palette indices are the values. Files that store them in several channels are read too:
    grey as RGB with three equal channels, and an alpha channel that is opaque everywhere. Orientation and colour
    profile are not applied.

    Raises:
        DataError: the file is damaged or not a PNG.
        OutOfMemory: too little memory to decode it.
        ModeError: it does not hold one value, or for a ``ColorTable`` one colour, per pixel.
    """
    with decoding(source, MAX_FRAME_PIXELS, "label", "PNG"):
        pixels = decode_png(content, 3 if table.colored else 1, MAX_FRAME_PIXELS)
        if pixels is not None:
            return _packed(pixels) if table.colored else pixels
        with Image.open(BytesIO(content)) as image:
            if image.format != "PNG":
                raise ModeError(f"{source}: expected a PNG of labels, found {image.format}; convert the labels to PNG")
            return image_values(image, content, table, source)


def image_values(image: Image.Image, content: bytes, table: LabelTable, source: str) -> np.ndarray:
    """Return the (H, W) values of an open PNG, whose bytes are ``content``; see ``decode_label``."""
    depth, kind = content[_DEPTH], content[_KIND]
    if kind in (_GREY, _PALETTE) and not table.colored:
        values = np.asarray(image)
        # Pillow stretches greys of few bits to 0 to 255.
        return values // np.uint8(255 // (2**depth - 1)) if kind == _GREY and depth in (2, 4) else values + np.uint8(0)
    if kind == _PALETTE or (kind == _GREY and depth < 16):
        pixels = np.asarray(image.convert("RGB"))
    else:
        # Pillow keeps the upper half only of 16 bits in several channels.
        pixels = imagecodecs.png_decode(content) if depth == 16 else np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if kind == _RGB:
        pixels = pixels[..., :3]  # a transparent colour would be a fourth channel
    channels = f"{'16-bit ' if depth == 16 else ''}mode {image.mode}"
    if kind & _ALPHA:
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise _mode_error(source, table, f"{channels} with transparent pixels")
        pixels = pixels[..., :-1]
    if table.colored:
        if pixels.dtype != np.uint8:
            raise _mode_error(source, table, channels)
        return _packed(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    values = pixels[..., 0]
    if (pixels != values[..., None]).any():
        raise _mode_error(source, table, f"{channels} with colours")
    return np.ascontiguousarray(values)


def _mode_error(source: str, table: LabelTable, found: str) -> ModeError:
    return ModeError(f"{source}: expected {table.image}, found {found}; {table.image_hint}")


def _packed(colors: np.ndarray) -> np.ndarray:
    """Return (H, W) uint32 0xRRGGBB of (H, W, 3) uint8."""
    wide = colors.astype(np.uint32)
    packed: np.ndarray = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return packed
