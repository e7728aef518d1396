"""Decode TIFFs of 16 bits and more per sample, which Pillow cuts to 8 bits, mixes up or does not know."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cityseg.data.photo_color import to_eight_bits

_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _PLANAR = 256, 257, 258, 262, 274, 284
_SAMPLES_PER_PIXEL, _EXTRA_SAMPLES, _PROFILE = 277, 338, 34675
_MOST_SAMPLES = 8
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_PREMULTIPLIED, _ALPHA = 1, 2
_SEPARATE = 2
_MODES = {_WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _CMYK: "CMYK"}


def decode_deep_tiff(data: bytes, max_pixels: int) -> Image.Image | None:
    """Decode the first image of a TIFF of at least 16 bits per sample to 8 bits; None for any other file.

    The result has colour profile and EXIF orientation of the file, neither of them applied. None also for more than
    ``max_pixels``.

    Raises:
        ValueError, SyntaxError, imagecodecs.TiffError: a damaged file.
    """
    if data[:4] not in _SIGNATURES:
        return None
    tags = ImageFileDirectory_v2(data[: 16 if b"+" in data[:4] else 8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    photometric: int = tags.get(_PHOTOMETRIC, -1)
    mode = _MODES.get(photometric, "")
    if min(tags.get(_BITS, (1,))) < 16 or not mode or tags.get(_SAMPLES_PER_PIXEL, 1) > _MOST_SAMPLES:
        return None
    if not 0 < tags[_WIDTH] * tags[_HEIGHT] <= max_pixels:
        return None
    samples = imagecodecs.tiff_decode(data)
    if samples.ndim == 2:
        samples = samples[..., None]
    elif tags.get(_PLANAR) == _SEPARATE:
        samples = np.moveaxis(samples, 0, -1)
    if samples.shape[:2] != (tags[_HEIGHT], tags[_WIDTH]):
        raise ValueError(f"its pixels are an array of {samples.shape}")
    levels = to_eight_bits(samples)
    if photometric == _WHITE_IS_ZERO:
        levels[..., 0] = 255 - levels[..., 0]
    colors = len(mode)
    alpha = {_PREMULTIPLIED: "a", _ALPHA: "A"}.get(next(iter(tags.get(_EXTRA_SAMPLES, ())), 0))
    if alpha and mode != "CMYK" and levels.shape[2] > colors:
        mode, colors = mode + alpha, colors + 1
    pixels = np.ascontiguousarray(levels[..., :colors])
    image = Image.frombytes(mode, (tags[_WIDTH], tags[_HEIGHT]), pixels.tobytes())
    if _PROFILE in tags:
        image.info["icc_profile"] = tags[_PROFILE]
    image.getexif()[_ORIENTATION] = tags.get(_ORIENTATION, 1)
    return image
