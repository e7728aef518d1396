"""A photo somebody has, of whatever kind, as red, green and blue bytes; what is no photo is refused in a sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from cityseg.errors import DataError

MAX_PIXELS = 50_000_000
"""Largest photo that is accepted, in pixels."""
KINDS = "JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF"
"""What can be read, in words."""
ENDINGS = ("jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "bmp", "tif", "tiff", "gif")
"""Usual endings of their files, in lower case."""
# Kinds that are no photos are left to other programs, PostScript above all.
_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF")
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow and its plug-ins raise for damaged files, found by damaging many."""

_BAND_PIXELS = 1_000_000

pillow_heif.register_heif_opener()
Image.init()  # or ``open`` would not know the rarer formats by name


def decode_photo(data: bytes, name: str = "photo") -> np.ndarray:
    """Decode a photo to (H, W, 3) uint8 RGB, turned as its EXIF orientation says.

    Of several pictures in a file the first counts. What is transparent becomes white, deep greys keep their range, and
    a colour profile is applied, so that the colours are those of sRGB.

    Args:
        data: the file's bytes.
        name: what to call it in an error message.

    Raises:
        DataError: no image, a damaged one, or one of more than ``MAX_PIXELS``.
    """
    if not data:
        raise DataError(f"{name}: expected a photo, found an empty file")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DataError(
                    f"{name}: expected at most {MAX_PIXELS // 10**6} megapixels, found {width}x{height}; "
                    "make it smaller first"
                )
            if not width * height:
                raise ValueError("it has no pixels")
            ImageOps.exif_transpose(image, in_place=True)
            return _pixels(_to_rgb(image))
    except UnidentifiedImageError:
        raise DataError(f"{name}: expected a photo ({KINDS}), found a file that is no such image") from None
    except Image.DecompressionBombError:
        raise DataError(
            f"{name}: expected at most {MAX_PIXELS // 10**6} megapixels, found far more; make it smaller first"
        ) from None
    except DAMAGE as error:
        reason = " ".join(str(error).split())  # some libraries end theirs with a new line
        raise DataError(f"{name}: expected a whole photo, found a damaged one ({reason}); copy it again") from None


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the (H, W, 3) uint8 of an RGB image; all at once numpy would be given two more copies of them."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        below = min(image.height, top + rows)
        pixels[top:below] = np.asarray(image.crop((0, top, image.width, below)))
    return pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    """Bring an image to red, green and blue.

    Pillow cuts 16-bit and floating point greys off at 255; here they keep their range.
    """
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
    """Apply the colour profile that a camera or a program put in; one that makes no sense is left alone."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        plain = image.convert("RGB") if image.mode == "RGBA" else image
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def read_photo_file(path: Path) -> np.ndarray:
    """Decode a photo file like ``decode_photo``.

    Raises:
        DataError: the file cannot be read, or whatever ``decode_photo`` refuses.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected a photo, found no readable file ({error.strerror})") from None
    return decode_photo(data, str(path))
