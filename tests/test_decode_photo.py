"""Photos in number formats that are rare among photos."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cityseg.inference import decode_photo

RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))


def encoded(pixels: np.ndarray, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, file_format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("pixels", "file_format"),
    [
        (RAMP.astype(np.uint16) * 257, "PNG"),
        (RAMP.astype(np.uint16) * 257, "TIFF"),
        (RAMP.astype(np.int32) * 257, "TIFF"),
        (RAMP.astype(np.int32), "TIFF"),
        (RAMP.astype(np.float32) / 255, "TIFF"),
        (RAMP.astype(np.float32), "TIFF"),
    ],
    ids=["16-bit PNG", "16-bit TIFF", "32-bit with 16-bit range", "32-bit with 8-bit range", "0 to 1", "0 to 255"],
)
def test_deep_greys_keep_their_range(pixels: np.ndarray, file_format: str) -> None:
    decoded = decode_photo(encoded(pixels, file_format))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, np.dstack([RAMP] * 3))


def test_a_dark_16_bit_photo_stays_dark() -> None:
    decoded = decode_photo(encoded(np.full((4, 4), 200, np.uint16), "PNG"))
    assert decoded.max() == 1


def test_a_turned_deep_grey_photo_is_turned_back() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode_photo(encoded(RAMP.astype(np.uint16) * 257, "TIFF", exif=exif))
    assert decoded.shape == (64, 32, 3)
    np.testing.assert_array_equal(decoded[..., 0], np.rot90(RAMP, -1))
