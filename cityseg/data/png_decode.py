"""Decoder of plain 8-bit PNGs that is faster than a PNG library alone.

Most of what libpng takes for a photo is zlib's work. libdeflate inflates the same bytes more than twice as fast, so it
does that here; libpng is then handed the rows uncompressed and only undoes their filters. With
``imagecodecs.png_decode`` alone, preparing full-size frames keeps 0.78 (to 128x256) or 0.81 (to 256x512) of its speed
and falls from 0.95 to 0.75 of pure decoding (CPU time, ``benchmarks/README.md``); 0.9 is wanted. Layout of a PNG: W3C,
Portable Network Graphics Specification, chapters 5 and 9 to 11.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from typing import Any, Literal

import imagecodecs
import numpy as np

from cityseg.data.photo_color import changed_by_gamma

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_GREY, _RGB, _PALETTE = 0, 2, 3
_MOST_BYTES = 2**28
_TEXT_WITH_ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type ")  # XMP, and EXIF as ImageMagick writes it
# The stubs accept bytes only, but the functions take and fill any contiguous buffer.
_codecs: Any = imagecodecs


def decode_png(data: bytes, channels: Literal[1, 3], max_pixels: int = _MOST_BYTES) -> np.ndarray | None:
    """Decode a PNG of 8 bits per sample without interlace; None for any other file, which needs a general decoder.

    With 1 channel, grey levels or palette indices as (H, W) uint8, whatever else the file says about its colours; with
    3, RGB as (H, W, 3) uint8, and None if a profile, gamma, transparency or orientation changes the pixels. None also
    for more than ``max_pixels``.

    Raises:
        ValueError: a PNG of any kind that is truncated or has a wrong checksum, or one of this kind with missing rows.
    """
    if not data.startswith(_SIGNATURE):
        return None
    chunks = list(_chunks(data))
    if chunks[0][0] != b"IHDR" or len(chunks[0][1]) != _HEADER.size:
        return None
    width, height, depth, color, compression, filtering, interlace = _HEADER.unpack(chunks[0][1])
    colors = (_RGB,) if channels == 3 else (_GREY, _PALETTE)
    size = height * (width * channels + 1)
    if color not in colors or (depth, compression, filtering, interlace) != (8, 0, 0, 0):
        return None
    if size > _MOST_BYTES or width * height > max_pixels or (channels == 3 and not _is_plain(chunks)):
        return None
    compressed = b"".join(body for kind, body in chunks if kind == b"IDAT")
    try:
        rows = _codecs.deflate_decode(compressed, out=_scratch("rows", size))
        if len(rows) < size:
            raise ValueError(f"it holds {len(rows):,} of {size:,} bytes")
        # Palette indices are returned unchanged, so they are declared as grey levels.
        header = _HEADER.pack(width, height, 8, _RGB if channels == 3 else _GREY, 0, 0, 0)
        decoded: np.ndarray = _codecs.png_decode(_uncompressed(header, rows))
    except (imagecodecs.DeflateError, imagecodecs.ZlibngError, imagecodecs.PngError):
        return None
    return decoded


def _is_plain(chunks: list[tuple[bytes, memoryview]]) -> bool:
    """Whether no chunk changes the stored pixels."""
    kinds = {kind for kind, _ in chunks}
    if kinds & {b"iCCP", b"eXIf", b"tRNS", b"cICP"}:
        return False
    for kind, body in chunks:
        if kind == b"gAMA" and b"sRGB" not in kinds:
            if len(body) != 4 or changed_by_gamma(int.from_bytes(body, "big") / 100_000):
                return False
        # Text may hold an orientation: XMP, or EXIF as ImageMagick writes it.
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and bytes(body[:17]).startswith(
            (b"Raw profile type ", b"XML:com.adobe.xmp")
        ):
            return False
    return True


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and body of every chunk of a PNG up to IEND, and verify its checksum."""
    view, position, kind = memoryview(data), len(_SIGNATURE), b""
    while kind != b"IEND":
        end = position + 12 + int.from_bytes(view[position : position + 4], "big")
        if end > len(data):
            raise ValueError("it ends early")
        kind = data[position + 4 : position + 8]
        if _codecs.deflate_crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise ValueError(f"the checksum of its {kind.decode('ascii', 'replace')} part is wrong")
        yield kind, view[position + 8 : end - 4]
        position = end


def _uncompressed(header: bytes, rows: np.ndarray) -> np.ndarray:
    """Return a PNG file with uncompressed ``rows``, (bytes,) uint8; the thread's next call overwrites it."""
    # Stored blocks add at most 5 bytes per 64 KiB; everything else around the rows takes less than 100 bytes.
    file = _scratch("file", len(rows) + len(rows) // 4096 + 1000)
    before = _SIGNATURE + _chunk(b"IHDR", header)
    start = len(before) + 8
    stored = _codecs.zlibng_encode(rows, level=0, out=file[start:])
    end = start + len(stored)
    file[:start] = np.frombuffer(before + struct.pack(">I", len(stored)) + b"IDAT", np.uint8)
    after = struct.pack(">I", _codecs.deflate_crc32(file[start - 4 : end])) + _chunk(b"IEND", b"")
    file[end : end + len(after)] = np.frombuffer(after, np.uint8)
    return file[: end + len(after)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", _codecs.deflate_crc32(kind + body))


_kept = threading.local()


def _scratch(name: str, size: int) -> np.ndarray:
    """Return an uninitialized (size,) uint8 buffer that this thread reuses for ``name``.

    Page faults of newly allocated memory would take as long as inflating.
    """
    buffer: np.ndarray | None = getattr(_kept, name, None)
    if buffer is None or len(buffer) < size:
        buffer = np.empty(size, np.uint8)
        setattr(_kept, name, buffer)
    return buffer[:size]
