"""Decode user photos of any common format to RGB."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from cityseg.errors import DataError

MAX_PIXELS = 50_000_000
"""Largest accepted photo in pixels."""
KINDS = "JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF"
"""Supported formats, for messages."""
ENDINGS = ("jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "bmp", "tif", "tiff", "gif")
"""Their usual file name suffixes, in lower case."""
# Formats that are not photos are excluded, in particular PostScript.
_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF")
DAMAGE = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, MemoryError, struct.error, zlib.error)
"""Exceptions that Pillow and its plug-ins raise for damaged files, found by corrupting many files."""

_BAND_PIXELS = 1_000_000

pillow_heif.register_heif_opener()
Image.init()  # otherwise ``open`` would not know the rarer formats by name


def decode_photo(data: bytes, name: str = "photo") -> np.ndarray:
    """Decode a photo to (H, W, 3) uint8 sRGB.

    Applies the EXIF orientation and the colour profile, blends transparency with white, scales 16-bit greys to 8 bits,
    and uses the first image of a multi-image file. Error messages begin with ``name``.

    Raises:
        DataError: not an image, a damaged image, or more than ``MAX_PIXELS`` pixels.
    """
    if not data:
        raise DataError(f"{name}: expected a photo, found an empty file")
    at_most = f"{name}: expected at most {MAX_PIXELS // 10**6} megapixels"
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DataError(f"{at_most}, found {width}x{height}; make it smaller first")
            if not width * height:
                raise ValueError("it has no pixels")
            ImageOps.exif_transpose(image, in_place=True)
            return _pixels(_to_rgb(image))
    except UnidentifiedImageError:
        raise DataError(f"{name}: expected a photo ({KINDS}), found another kind of file") from None
    except Image.DecompressionBombError:
        raise DataError(f"{at_most}, found far more; make it smaller first") from None
    except DAMAGE as error:
        reason = " ".join(str(error).split())  # some libraries append a line break
        raise DataError(f"{name}: expected a whole photo, found a damaged one ({reason}); copy it again") from None


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the (H, W, 3) uint8 pixels of an RGB image; converting all rows at once would make two more copies."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        below = min(image.height, top + rows)
        pixels[top:below] = np.asarray(image.crop((0, top, image.width, below)))
    return pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image to RGB, rescaling 16-bit and floating-point greys, which Pillow would clip at 255."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.nan_to_num(np.asarray(image, dtype=np.float64))
        largest = grey.max(initial=0.0)
        if image.mode == "F" and largest <= 1:
            grey = grey * 255
        elif image.mode.startswith("I;16") or largest > 255:
            grey = grey / 257
        image = Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        opaque.info["icc_profile"] = image.info.get("icc_profile")
        image = opaque
    return _in_srgb(image)


def _in_srgb(image: Image.Image) -> Image.Image:
    """Convert an image to sRGB by its embedded colour profile; an invalid profile is ignored."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        plain = image.convert("RGB") if image.mode == "RGBA" else image
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def read_photo_file(path: Path) -> np.ndarray:
    """Decode a photo file like ``decode_photo``.

    Raises:
        DataError: the file cannot be read; also as raised by ``decode_photo``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected a photo, found no readable file ({error.strerror})") from None
    return decode_photo(data, str(path))
