"""Photos of any size, mode, format and orientation: decoded to the right pixels, or refused in one sentence."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from cityseg.data.image_io import decode_photo
from cityseg.errors import DataError

# How EXIF says to turn what is stored, in numpy: (rows, columns, channels) to the upright photo.
TURNS = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}
SIZES = st.tuples(st.integers(1, 24), st.integers(1, 24))


def _encoded(image: Image.Image, kind: str, turn: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"exif": exif} if turn != 1 else {}), **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


@given(
    arrays.arrays(np.uint8, SIZES.map(lambda size: (*size, 3))),
    st.sampled_from(["PNG", "TIFF", "WEBP"]),
    st.sampled_from(list(TURNS)),
)
def test_a_lossless_photo_is_decoded_upright(pixels, kind, turn):
    decoded = decode_photo(_encoded(Image.fromarray(pixels), kind, turn))
    np.testing.assert_array_equal(decoded, TURNS[turn](pixels))


@given(arrays.arrays(np.uint8, SIZES), st.sampled_from(["PNG", "BMP", "TIFF"]))
def test_a_grey_photo_has_three_equal_channels(pixels, kind):
    np.testing.assert_array_equal(decode_photo(_encoded(Image.fromarray(pixels), kind)), np.dstack([pixels] * 3))


@given(arrays.arrays(np.uint8, SIZES.map(lambda size: (*size, 4))), st.sampled_from(["PNG", "TIFF"]))
def test_transparency_lies_on_white(pixels, kind):
    decoded = decode_photo(_encoded(Image.fromarray(pixels, "RGBA"), kind)).astype(float)
    share = pixels[..., 3:] / 255
    np.testing.assert_allclose(decoded, pixels[..., :3] * share + 255 * (1 - share), atol=1.01)


@pytest.mark.parser
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF"]),
    SIZES,
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=8),
    st.floats(0.2, 1),
)
def test_a_damaged_photo_is_decoded_or_refused(kind, size, changes, kept):
    pixels = np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(*size, 3)
    content = bytearray(_encoded(Image.fromarray(pixels), kind))
    for place, changed in changes:
        at = int(place * (len(content) - 1))
        content[at : at + len(changed)] = changed
    del content[max(1, int(kept * len(content))) :]
    decoded = _decoded_or_refused(bytes(content))
    if decoded is not None:
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3
        assert decoded.shape[2] == 3


@pytest.mark.parser
@given(st.binary(max_size=200))
def test_what_is_no_photo_is_refused(content):
    assert _decoded_or_refused(content) is None


def _decoded_or_refused(content: bytes) -> np.ndarray | None:
    """Return the photo, or None if it is refused; any other error, or a sentence over two lines, fails the test."""
    sentences: list[str] = []
    try:
        return decode_photo(content, "x.jpg")
    except DataError as refused:
        sentences.append(str(refused))
    assert sentences[0].startswith("x.jpg: expected ")
    assert "\n" not in sentences[0]
    return None
