"""What the browser is sent: one photo as JPEG, maps as greyscale PNG, packed into one byte string.

Everything here is a pure function of its arguments. Results are kept by content, so a page that runs again
with the same pictures pays for a hash and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from cityseg.errors import DataError

JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture.

    Attributes:
        data: the bytes of a JPEG or PNG file.
        digest: names the content; the browser decodes each digest once.
        width: width in pixels as encoded.
        height: height in pixels as encoded.
    """

    data: bytes
    digest: str
    width: int
    height: int


class _Recent:
    """The last few encoded pictures, by content; bounded in bytes because pictures differ in size a lot."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held = 0
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        # Streamlit runs every session in a thread of its own.
        self._lock = Lock()

    def get(self, digest: str, make: Callable[[], Picture]) -> Picture:
        with self._lock:
            if digest in self._pictures:
                self._pictures.move_to_end(digest)
                return self._pictures[digest]
        picture = make()
        with self._lock:
            if digest not in self._pictures:
                self._pictures[digest] = picture
                self._held += len(picture.data)
            while self._held > self._capacity and len(self._pictures) > 1:
                self._held -= len(self._pictures.popitem(last=False)[1].data)
        return picture


_recent = _Recent(capacity=32 * 2**20)


def encode_photo(photo: np.ndarray, max_side: int = 1600) -> Picture:
    """Encode a photo as JPEG.

    Args:
        photo: (H, W, 3) uint8, red green blue.
        max_side: the longer side is reduced to this many pixels, with averaging.

    Raises:
        DataError: the array is not an (H, W, 3) uint8 picture.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
        raise DataError(f"viewer photo: expected (H, W, 3) uint8, found {photo.shape} {photo.dtype}; convert it to RGB")

    def make() -> Picture:
        image = Image.fromarray(np.ascontiguousarray(photo))
        image = image.resize(_fitted(image.size, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return _finish(image, digest, "JPEG", quality=JPEG_QUALITY)

    digest = _digest(photo, "jpeg", JPEG_QUALITY, max_side)
    return _recent.get(digest, make)


def encode_map(values: np.ndarray, max_side: int = 1600) -> Picture:
    """Encode a map as greyscale PNG whose grey value is the map's value.

    Args:
        values: (H, W) uint8; train ids with 255 for void, or any other small whole numbers.
        max_side: a longer side is reduced to this many pixels by taking the nearest value, never a mixture.

    Raises:
        DataError: the array is not an (H, W) uint8 map.
    """
    if values.ndim != 2 or values.dtype != np.uint8:
        raise DataError(f"viewer layer: expected (H, W) uint8 train ids, found {values.shape} {values.dtype}")

    def make() -> Picture:
        image = Image.fromarray(np.ascontiguousarray(values))
        image = image.resize(_fitted(image.size, max_side), Image.Resampling.NEAREST)
        # Looking for repeats of one value only is four times as fast here, and maps have hardly any other repeats.
        return _finish(image, digest, "PNG", compress_type=zlib.Z_RLE)

    digest = _digest(values, "png", max_side)
    return _recent.get(digest, make)


def encode_confidence(confidence: np.ndarray, max_side: int = 1600) -> Picture:
    """Encode confidence as greyscale PNG in whole per cents, 0 to 100: all that is shown, and a fraction of the bytes.

    Args:
        confidence: (H, W), floating point 0 to 1 or uint8 0 to 255; what is not a number counts as 0.
        max_side: as for ``encode_map``.

    Raises:
        DataError: the array is not an (H, W) map of floats or of uint8.
    """
    if confidence.ndim != 2:
        raise DataError(f"viewer confidence: expected (H, W), found {confidence.shape}")
    if confidence.dtype == np.uint8:
        share = confidence.astype(np.float32) / 255
    elif np.issubdtype(confidence.dtype, np.floating):
        share = np.clip(np.nan_to_num(confidence.astype(np.float32), nan=0.0), 0, 1)
    else:
        raise DataError(f"viewer confidence: expected floats 0 to 1 or uint8, found {confidence.dtype}")
    return encode_map(np.rint(share * 100).astype(np.uint8), max_side)


def pack(header: Mapping[str, Any], pictures: Sequence[Picture]) -> bytes:
    """Put a JSON header and pictures into one byte string, which Streamlit hands to the browser without base64.

    Layout: length of the JSON as uint32, little end first; the JSON, UTF-8; the pictures one after the other.
    The JSON is ``header`` with ``pictures`` added: for each its digest, offset after the JSON, and length.
    """
    index: list[dict[str, Any]] = []
    offset = 0
    for picture in pictures:
        index.append({"digest": picture.digest, "offset": offset, "length": len(picture.data)})
        offset += len(picture.data)
    text = json.dumps({**header, "pictures": index}, separators=(",", ":")).encode()
    return b"".join([struct.pack("<I", len(text)), text, *(picture.data for picture in pictures)])


def _fitted(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Reduce (width, height) so that the longer side is at most ``max_side``; never enlarge."""
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _digest(array: np.ndarray, *settings: object) -> str:
    # Shape is part of the content: two maps may hold the same bytes in rows of different length.
    hasher = hashlib.sha1(repr((array.shape, array.dtype.str, settings)).encode(), usedforsecurity=False)
    hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def _finish(image: Image.Image, digest: str, file_format: str, **options: Any) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return Picture(buffer.getvalue(), digest, image.width, image.height)
