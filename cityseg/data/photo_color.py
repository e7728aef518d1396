"""Convert images of any colour model and bit depth to 8-bit sRGB."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from cityseg.data import tone_mapping

_HEADER = 2**16
"""Bytes of an AVIF that may hold its header."""
_NCLX = ("color_primaries", "transfer_characteristics")
_SCALED = {"L;2": 85, "L;4": 17}
"""Factors by which Pillow stretches greys of few bits to 0 to 255."""
_SRGB_GAMMA = 1 / 2.2
_VISIBLE = 0.05  # smaller differences of gamma are ignored, as libpng does


def to_srgb(image: Image.Image, tags: ColorTags | None = None) -> Image.Image:
    """Return a loaded image as RGB: samples scaled to 8 bits, profile applied, transparency blended with white.

    ``tags``, see ``color_tags``, take precedence over a profile in a PNG; elsewhere the profile does.
    """
    profile, gamma, tags_first = image.info.get("icc_profile"), _gamma(image), tags is not None and tags.first
    image, alpha = _separate(image)
    converted = None
    if (profile or image.mode == "LAB") and not tags_first:
        converted = _by_profile(image, profile)
    if converted is None:
        converted = image if image.mode == "RGB" else image.convert("RGB")
        if tags is not None:
            coded = np.asarray(converted).astype(np.uint16) * 257
            converted = Image.fromarray(tone_mapping.to_srgb(coded, tags.transfer, tags.primaries))
        elif gamma:
            levels = 255 * (np.arange(256) / 255) ** (_SRGB_GAMMA / gamma)
            converted = converted.point([round(float(level)) for level in levels] * 3)
    if alpha is None:
        return converted
    white = Image.new("RGB", image.size, "white")
    white.paste(converted, mask=alpha)
    return white


class ColorTags(NamedTuple):
    """Colours by the code points of ITU-T H.273, which HEIC, AVIF and PNG state in place of a profile."""

    primaries: int
    transfer: int
    first: bool
    """Whether they take precedence over a profile."""


def color_tags(data: bytes, image: Image.Image) -> ColorTags | None:
    """Return the tags of a photo whose colours are not those of sRGB: HDR (PQ, HLG), linear, or a wide gamut."""
    found = None
    if image.format == "PNG":
        # Chunks before the pixels: length, name, primaries, transfer, matrix, range.
        at = data.find(b"\0\0\0\4cICP", 0, max(0, data.find(b"IDAT")))
        if at >= 0:
            found = ColorTags(data[at + 8], data[at + 9], first=True)
    elif image.format == "AVIF":
        at = data.find(b"colrnclx", 0, _HEADER)
        if at >= 0:
            primaries, transfer = (int.from_bytes(data[at + start : at + start + 2], "big") for start in (8, 10))
            found = ColorTags(primaries, transfer, first=False)
    elif isinstance(profile := image.info.get("nclx_profile"), dict):
        primaries, transfer = (int(profile.get(name) or 0) for name in _NCLX)
        found = ColorTags(primaries, transfer, first=False)
    if found and (found.transfer in tone_mapping.CONVERTED or found.primaries in tone_mapping.WIDE_GAMUTS):
        return found
    return None


def changed_by_gamma(gamma: float) -> bool:
    """Whether samples encoded with a PNG's ``gamma`` differ visibly from sRGB."""
    return gamma > 0 and abs(gamma / _SRGB_GAMMA - 1) > _VISIBLE


def _gamma(image: Image.Image) -> float | None:
    """Return the gamma by which a PNG's samples must be converted, None if they are sRGB or have a profile."""
    gamma = image.info.get("gamma")
    if image.format != "PNG" or "srgb" in image.info or not isinstance(gamma, float) or not changed_by_gamma(gamma):
        return None
    return gamma


def _separate(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours of an image, 8 bits per sample and without a palette, and its alpha channel, if any."""
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow would clip at 255.
        samples, transparent = np.asarray(image), image.info.get("transparency")
        seen = None
        if isinstance(transparent, int):
            seen = Image.fromarray(np.where(samples == transparent, 0, 255).astype(np.uint8))
        return Image.fromarray(to_eight_bits(samples)), seen
    if not image.has_transparency_data:
        return image.convert("RGB") if image.mode in ("P", "PA") else image, None
    if image.mode in ("L", "LA", "La"):
        both = image.convert("LA")
        return both.getchannel("L"), both.getchannel("A")
    both = image.convert("RGBA")
    return both.convert("RGB"), both.getchannel("A")


def scale_transparency(image: Image.Image) -> None:
    """Scale the transparent level of an opened PNG of 2 or 4 bits as Pillow scales its levels when it loads them."""
    transparent = image.info.get("transparency")
    for tile in getattr(image, "tile", [])[:1]:
        if isinstance(transparent, int) and tile.args in _SCALED:
            image.info["transparency"] = transparent * _SCALED[tile.args]


def to_eight_bits(samples: np.ndarray) -> np.ndarray:
    """Scale samples of more than 8 bits to uint8.

    16-bit samples span 0 to 65535, signed ones 0 to 32767. Wider integers span what their largest value suggests, 0 to
    255, 0 to 65535 or all 32 bits, and floating-point numbers what 99 % of them suggest, also 0 to 1: sharpening and
    resampling leave a few values beyond the range, which are clipped.
    """
    if samples.dtype in (np.uint16, np.int16):
        scale = np.float32(np.iinfo(samples.dtype).max / 255)
        scaled: np.ndarray = np.rint(np.maximum(samples, 0) / scale).astype(np.uint8)
        return scaled
    levels = samples.astype(np.float64)
    largest = float(levels.max(initial=0.0))
    if samples.dtype.kind == "f":
        finite = levels[np.isfinite(levels)]
        largest = float(np.percentile(finite, 99)) if finite.size else 0.0
    levels = np.clip(np.nan_to_num(levels), 0, 2.0**32)
    if samples.dtype.kind == "f" and largest <= 1:
        levels *= 255
    elif largest > 65535:
        levels /= (2**32 - 1) / 255
    elif largest > 255:
        levels /= 257
    result: np.ndarray = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return result


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Convert an image to sRGB by its colour profile; None if the profile is invalid or of another colour model.

    L*a*b* needs no profile.
    """
    if image.mode not in ("RGB", "CMYK", "L", "LAB"):
        return None
    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        lab = ImageCms.createProfile("LAB") if image.mode == "LAB" else None
        source = lab or ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return None
