from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cityseg.data.frame_io import read_label, read_photo, read_values
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.png_decode import decode_png
from cityseg.errors import DataError

RANDOM = np.random.default_rng(1)
PHOTO = RANDOM.integers(0, 256, (13, 21, 3), dtype=np.uint8)
GREY = RANDOM.integers(0, 34, (13, 21), dtype=np.uint8)


def png(array: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    buffer = BytesIO()
    image = Image.fromarray(array)
    if mode == "P":
        image = Image.frombytes("P", image.size, array.tobytes())
        image.putpalette(RANDOM.integers(0, 256, 768, dtype=np.uint8).tobytes())
    elif mode:
        image = image.convert(mode)
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def interlaced(grey: np.ndarray) -> bytes:
    """Write an Adam7 PNG by hand: seven passes over the picture, each row with filter 0."""
    rows = b""
    for row, column, down, right in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        for line in grey[row::down, column::right]:
            rows += b"\0" + line.tobytes() if line.size else b""
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def stored(path, content: bytes) -> SourceFile:
    path.write_bytes(content)
    return SourceFile(path, path.name)


@pytest.mark.parametrize("size", [(1, 1), (13, 21), (64, 128), (257, 300)])
def test_plain_files_decode_as_in_pillow(size):
    smooth = np.add.outer(np.arange(size[0]), np.arange(size[1]))[..., None] * np.array([1, 2, 3]) // 4
    for photo in (smooth.astype(np.uint8), RANDOM.integers(0, 256, (*size, 3), dtype=np.uint8)):
        for options in ({}, {"compress_level": 0}, {"compress_level": 9}):
            np.testing.assert_array_equal(decode_png(png(photo, **options), 3), photo)
            np.testing.assert_array_equal(decode_png(png(photo[..., 0], **options), 1), photo[..., 0])


def test_results_do_not_share_memory():
    first = decode_png(png(PHOTO), 3)
    decode_png(png(255 - PHOTO), 3)
    np.testing.assert_array_equal(first, PHOTO)


def test_palette_labels_decode_to_indices(tmp_path):
    np.testing.assert_array_equal(decode_png(png(GREY, "P"), 1), GREY)
    np.testing.assert_array_equal(read_values(stored(tmp_path / "label.png", png(GREY, "P"))), GREY)


@pytest.mark.parametrize(
    ("content", "channels"),
    [
        (png(GREY), 3),
        (png(GREY, "P"), 3),
        (png(PHOTO, "RGBA"), 3),
        (png(PHOTO), 1),
        (png(GREY.astype(np.uint16)), 1),
        (png(GREY > 9), 1),
        (interlaced(GREY), 1),
        (b"", 1),
        (b"GIF89a", 3),
    ],
)
def test_other_files_return_none(content, channels):
    assert decode_png(content, channels) is None


def test_uncommon_files_are_read_by_pillow(tmp_path):
    np.testing.assert_array_equal(read_values(stored(tmp_path / "interlaced.png", interlaced(GREY))), GREY)
    interlaced_photo = read_photo(stored(tmp_path / "photo.png", interlaced(GREY)))
    np.testing.assert_array_equal(interlaced_photo, np.repeat(GREY[..., None], 3, axis=2))
    np.testing.assert_array_equal(read_photo(stored(tmp_path / "rgba.png", png(PHOTO, "RGBA"))), PHOTO)
    buffer = BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG")
    np.testing.assert_array_equal(
        read_photo(stored(tmp_path / "photo.jpg", buffer.getvalue())), np.asarray(Image.open(buffer))
    )


def parts_of(content: bytes) -> dict[bytes, int]:
    """Where the body of each part begins."""
    found, position = {}, 8
    while position < len(content):
        found[content[position + 4 : position + 8]] = position + 8
        position += 12 + int.from_bytes(content[position : position + 4], "big")
    return found


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND", b"tEXt"])
@pytest.mark.parametrize("content", [png(PHOTO), interlaced(GREY)], ids=["plain", "interlaced"])
def test_checksum_detects_a_flipped_bit(tmp_path, content, kind):
    content = content[:33] + chunk(b"tEXt", b"Comment\0a street") + content[33:]
    damaged = bytearray(content)
    damaged[parts_of(content)[kind]] ^= 1  # of IEND, which has no body, it is the checksum itself
    path = tmp_path / "photo.png"
    with pytest.raises(DataError) as refused:
        read_photo(stored(path, bytes(damaged)))
    assert str(refused.value) == (
        f"{path}: expected a whole photo, found a damaged one (the checksum of its {kind.decode()} part is wrong); "
        "copy it again"
    )


@pytest.mark.parametrize("kept", [8, 20, 33, 40, 200, -1])
def test_truncated_file_is_rejected(tmp_path, kept):
    path = tmp_path / "label.png"
    with pytest.raises(DataError) as refused:
        read_label(stored(path, png(GREY)[:kept]), (13, 21))
    assert str(refused.value) == (f"{path}: expected a whole label, found a damaged one (it ends early); copy it again")


def test_missing_rows_are_rejected(tmp_path):
    header = struct.pack(">IIBBBBB", 21, 13, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in GREY[:5])
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path = tmp_path / "label.png"
    with pytest.raises(DataError) as refused:
        read_label(stored(path, content), (13, 21))
    assert str(refused.value) == (
        f"{path}: expected a whole label, found a damaged one (it holds 110 of 286 bytes); copy it again"
    )


def test_enormous_declared_size_is_rejected(tmp_path):
    header = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path = tmp_path / "photo.png"
    with pytest.raises(DataError) as refused:
        read_photo(stored(path, content))
    assert str(refused.value) == (f"{path}: expected at most 170 megapixels, found far more; make it smaller first")
