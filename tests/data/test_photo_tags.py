"""Photos that state their colours by code points of ITU-T H.273 in place of a profile."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from cityseg.data.image_io import decode_photo

COLOR = (150, 120, 60)
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))


def to_xyz(primaries) -> np.ndarray:
    """Return the matrix from linear RGB to XYZ for these chromaticities and D65, by its definition (SMPTE RP 177)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    return columns * np.linalg.solve(columns, white)


def expected(primaries, linear: np.ndarray) -> np.ndarray:
    light = np.clip(np.linalg.solve(to_xyz(BT709), to_xyz(primaries) @ linear), 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def srgb_light(color) -> np.ndarray:
    signal = np.array(color) / 255
    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)


def pq_light(color) -> np.ndarray:
    """SMPTE ST 2084, relative to a diffuse white of 203 cd/m² (ITU-R BT.2408)."""
    root = (np.array(color) / 255) ** (32 / 2523)
    return (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305) * 10_000 / 203


def png(color, primaries: int, transfer: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(buffer, "PNG")
    body = b"cICP" + bytes([primaries, transfer, 0, 1])
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    plain = buffer.getvalue()
    return plain[:33] + chunk + plain[33:]  # behind the header


def heic(color, primaries: int, transfer: int) -> bytes:
    buffer = io.BytesIO()
    file = pillow_heif.from_pillow(Image.new("RGB", (64, 64), color))
    file.save(buffer, quality=-1, color_primaries=primaries, transfer_characteristics=transfer, full_range_flag=1)
    return buffer.getvalue()


@pytest.mark.parametrize(("encode", "tolerance"), [(png, 1), (heic, 4)])
@pytest.mark.parametrize(
    ("primaries", "transfer", "gamut", "color", "light"),
    [
        (12, 13, DISPLAY_P3, COLOR, srgb_light),
        # Darker than the knee above which highlights are compressed.
        (9, 16, BT2020, (110, 100, 90), pq_light),
    ],
)
def test_tags_are_applied(encode, tolerance, primaries, transfer, gamut, color, light):
    decoded = decode_photo(encode(color, primaries, transfer))
    np.testing.assert_allclose(decoded[4, 4], expected(gamut, light(color)), atol=tolerance)


@pytest.mark.parametrize("encode", [png, heic])
def test_tags_of_srgb_change_nothing(encode):
    np.testing.assert_allclose(decode_photo(encode(COLOR, 1, 13))[4, 4], COLOR, atol=2)


def test_the_tags_of_an_avif_are_applied():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), COLOR).save(buffer, "AVIF", quality=100)
    content = buffer.getvalue()
    at = content.index(b"colrnclx") + 8
    tagged = content[:at] + struct.pack(">HH", 12, 13) + content[at + 4 :]
    np.testing.assert_allclose(decode_photo(tagged)[4, 4], expected(DISPLAY_P3, srgb_light(COLOR)), atol=4)
