"""Label files hold one value per pixel in many ways."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official
from PIL import Image

from cityseg.classes import COLORS, OFFICIAL, TRAIN_IDS, ColorTable
from cityseg.data.label_decode import ModeError, decode_label
from cityseg.errors import DataError, OutOfMemory

VALUES = np.random.default_rng(3).integers(0, 34, (13, 21), dtype=np.uint8)
OPAQUE = np.full_like(VALUES, 255)


def png(array: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, "PNG", **options)
    return file.getvalue()


def raw_png(samples: np.ndarray, depth: int, kind: int) -> bytes:
    """Write a PNG of any bit depth and colour type by hand; (H, W) or (H, W, channels) samples."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width = samples.shape[:2]
    flat = samples.reshape(height, -1)
    if depth < 8:
        bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    else:
        rows = flat.astype(">u2" if depth == 16 else np.uint8)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def with_transparent_color(content: bytes) -> bytes:
    body = b"tRNS" + bytes([0, 7] * 3)
    return content[:33] + struct.pack(">I", 6) + body + struct.pack(">I", zlib.crc32(body)) + content[33:]


@pytest.mark.parametrize(
    "content",
    [
        png(VALUES),
        png(np.dstack([VALUES] * 3)),
        png(np.dstack([VALUES] * 3 + [OPAQUE])),
        png(np.dstack([VALUES, OPAQUE])),
        png(VALUES, transparency=0),
        raw_png(VALUES, 16, 0),
        raw_png(np.dstack([VALUES] * 3), 16, 2),
        with_transparent_color(raw_png(np.dstack([VALUES] * 3), 16, 2)),
        raw_png(np.dstack([VALUES.astype(np.uint16), np.full(VALUES.shape, 65535)]), 16, 4),
        raw_png(np.dstack([VALUES.astype(np.uint16)] * 3 + [np.full(VALUES.shape, 65535)]), 16, 6),
    ],
    ids=["grey", "RGB", "RGBA", "LA", "colour-key", "16-bit", "RGB16", "RGB16 with colour-key", "LA16", "RGBA16"],
)
def test_every_way_to_store_a_value_is_read(content):
    np.testing.assert_array_equal(decode_label(content), VALUES)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("kind", ["grey", "palette"])
def test_few_bits_are_read_by_value(depth, kind):
    values = VALUES % 2**depth
    if kind == "grey":
        content = raw_png(values, depth, 0)
    else:
        image = Image.fromarray(values).convert("P")
        image.putpalette(list(range(0, 3 * 2**depth)))
        file = io.BytesIO()
        image.save(file, "PNG", bits=depth)
        content = file.getvalue()
    assert content[24] == depth
    decoded = decode_label(content)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, values)


def test_bilevel_images_are_zero_and_one():
    np.testing.assert_array_equal(decode_label(png(VALUES > 9)), VALUES > 9)


def test_large_values_in_three_channels_keep_16_bits():
    values = VALUES.astype(np.uint16) * 1000
    np.testing.assert_array_equal(decode_label(raw_png(np.dstack([values] * 3), 16, 2)), values)


def test_orientation_and_profile_leave_labels_as_they_are():
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(decode_label(png(VALUES, exif=exif, icc_profile=b"none")), VALUES)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (png(np.dstack([VALUES, VALUES, VALUES + 1])), "mode RGB with colours"),
        (png(np.dstack([VALUES] * 3 + [VALUES])), "mode RGBA with transparent pixels"),
        (png(np.dstack([VALUES, VALUES])), "mode LA with transparent pixels"),
        (raw_png(np.dstack([VALUES, VALUES, VALUES.astype(int) + 1]), 16, 2), "16-bit mode RGB with colours"),
    ],
)
def test_several_values_per_pixel_are_refused(content, found):
    with pytest.raises(ModeError) as refused:
        decode_label(content, OFFICIAL, "berlin.png")
    assert str(refused.value) == (
        f"berlin.png: expected an 8-bit image of label ids, found {found}; use the *_gtFine_labelIds.png files"
    )


@pytest.mark.parametrize("mode", [None, "RGBA", "P"])
def test_official_colours_are_the_official_classes(mode):
    shown = [label for label in official if label.id >= 0]
    colors = np.array([[label.color for label in shown]], np.uint8)
    image = Image.fromarray(colors)
    if mode == "P":
        image = image.quantize(64, dither=Image.Dither.NONE)
    elif mode:
        image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG")
    # Polegroup has the colour of pole; the file cannot tell them apart.
    expected = [255 if label.ignoreInEval and label.name != "polegroup" else label.trainId for label in shown]
    expected[[label.name for label in shown].index("polegroup")] = 5
    assert COLORS.to_train_ids(decode_label(file.getvalue(), COLORS))[0].tolist() == expected


def test_unknown_colours_are_named():
    content = png(np.full((4, 4, 3), (128, 64, 129), np.uint8))
    with pytest.raises(DataError) as refused:
        COLORS.to_train_ids(decode_label(content, COLORS), "berlin_gtFine_color.png")
    assert str(refused.value) == (
        "berlin_gtFine_color.png: expected the official colours, found #804081; use the *_gtFine_labelIds.png files"
    )


def test_a_table_of_own_colours():
    table = ColorTable({(255, 0, 0): 13, (0, 0, 0): 255}, "mapped colours", "map them")
    assert table.to_train_ids(decode_label(png(np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8)), table)).tolist() == [
        [13, 255]
    ]
    grey = decode_label(png(np.zeros((2, 2), np.uint8)), table)
    assert table.to_train_ids(grey).tolist() == [[255, 255], [255, 255]]
    assert table.stamp != ColorTable({(255, 0, 0): 13, (0, 0, 1): 255}, "", "").stamp
    with pytest.raises(ModeError, match="expected a PNG of label colours, found 16-bit mode I;16; save it as 8-bit"):
        decode_label(png(VALUES.astype(np.uint16)), table)


def test_train_ids_are_themselves():
    values = np.array([[*range(19), 255]], np.uint8)
    np.testing.assert_array_equal(TRAIN_IDS.to_train_ids(values), values)
    with pytest.raises(DataError, match=r"expected train ids 0 to 18, and 255 for void, found 26; use the \*_gtFine"):
        TRAIN_IDS.to_train_ids(np.array([[26]], np.uint8))


def test_too_little_memory_is_no_damage(monkeypatch):
    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("cityseg.data.label_decode.decode_png", fail)
    with pytest.raises(OutOfMemory) as refused:
        decode_label(png(VALUES), OFFICIAL, "berlin.png")
    assert str(refused.value) == (
        "berlin.png: expected enough memory to decode it, found too little; make it smaller or end other programs"
    )
