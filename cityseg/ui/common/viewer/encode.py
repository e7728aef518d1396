"""Encoding for the browser: photos as JPEG, maps as greyscale PNG, packed into one byte string.

Everything here is a pure function of its arguments. Results are cached by content, so a rerun with the same images
costs no more than a hash.
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
MAX_SIDE = 1600
"""Longer side, in pixels, to which larger images are reduced by default."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A JPEG or PNG file, and its size in pixels as encoded."""

    data: bytes
    digest: str
    """Hash of the content; the browser decodes each digest once."""
    width: int
    height: int


class _RecentImages:
    """The most recently used images by digest, within a capacity in bytes because their sizes differ widely."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._size = 0
        self._images: OrderedDict[str, EncodedImage] = OrderedDict()
        # Streamlit runs every session in a thread of its own.
        self._lock = Lock()

    def get(self, digest: str, make: Callable[[], EncodedImage]) -> EncodedImage:
        with self._lock:
            if digest in self._images:
                self._images.move_to_end(digest)
                return self._images[digest]
        image = make()
        with self._lock:
            if digest not in self._images:
                self._images[digest] = image
                self._size += len(image.data)
            while self._size > self._capacity and len(self._images) > 1:
                self._size -= len(self._images.popitem(last=False)[1].data)
        return image


_recent = _RecentImages(capacity=32 * 2**20)


def encode_photo(photo: np.ndarray, max_side: int = MAX_SIDE) -> EncodedImage:
    """Encode an (H, W, 3) uint8 RGB photo as JPEG, with averaging where it is reduced to ``max_side`` pixels.

    Raises:
        DataError: the array is not (H, W, 3) uint8.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
        raise DataError(f"viewer photo: expected (H, W, 3) uint8, found {photo.shape} {photo.dtype}; convert it to RGB")

    return _encode(photo, max_side, Image.Resampling.LANCZOS, "JPEG", quality=JPEG_QUALITY)


def encode_map(values: np.ndarray, max_side: int = MAX_SIDE) -> EncodedImage:
    """Encode an (H, W) uint8 map as greyscale PNG of the same values, reduced by nearest neighbour.

    Raises:
        DataError: the array is not (H, W) uint8.
    """
    if values.ndim != 2 or values.dtype != np.uint8:
        raise DataError(f"viewer layer: expected (H, W) uint8 train ids, found {values.shape} {values.dtype}")

    # Maps have hardly any repeats other than runs of one value, and searching for runs only is four times as fast.
    return _encode(values, max_side, Image.Resampling.NEAREST, "PNG", compress_type=zlib.Z_RLE)


def encode_confidence(confidence: np.ndarray, max_side: int = MAX_SIDE) -> EncodedImage:
    """Encode (H, W) floats 0 to 1, NaN as 0, or uint8 per cent as greyscale PNG in whole per cent, for display.

    Raises:
        DataError: the array is not an (H, W) map of floats or of uint8.
    """
    if confidence.ndim != 2:
        raise DataError(f"viewer confidence: expected (H, W), found {confidence.shape}")
    if np.issubdtype(confidence.dtype, np.floating):
        share = np.clip(np.nan_to_num(confidence.astype(np.float32), nan=0.0), 0, 1)
        confidence = np.rint(share * 100).astype(np.uint8)
    elif confidence.dtype != np.uint8:
        raise DataError(f"viewer confidence: expected floats 0 to 1 or uint8 per cent, found {confidence.dtype}")
    return encode_map(confidence, max_side)


def pack(header: Mapping[str, Any], images: Sequence[EncodedImage]) -> bytes:
    """Pack a JSON header and images into one byte string, which Streamlit sends to the browser without base64.

    Layout: length of the JSON as little-endian uint32; the JSON in UTF-8; the images one after the other. The JSON is
    ``header`` plus ``pictures``: digest, offset after the JSON, and length of each image.
    """
    index: list[dict[str, Any]] = []
    offset = 0
    for image in images:
        index.append({"digest": image.digest, "offset": offset, "length": len(image.data)})
        offset += len(image.data)
    text = json.dumps({**header, "pictures": index}, separators=(",", ":")).encode()
    return b"".join([struct.pack("<I", len(text)), text, *(image.data for image in images)])


def _encode(array: np.ndarray, max_side: int, filter_: Image.Resampling, kind: str, **options: Any) -> EncodedImage:
    """Encode an array whose longer side is reduced to at most ``max_side`` pixels."""
    array = np.ascontiguousarray(array)
    # The shape is part of the content: two maps may hold the same bytes in rows of different length.
    hasher = hashlib.sha1(repr((array.shape, kind, options, max_side)).encode(), usedforsecurity=False)
    hasher.update(array.data)
    digest = hasher.hexdigest()

    def make() -> EncodedImage:
        scale = min(1.0, max_side / max(array.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in array.shape[:2])
        buffer = io.BytesIO()
        Image.fromarray(array).resize((width, height), filter_, reducing_gap=3.0).save(buffer, kind, **options)
        return EncodedImage(buffer.getvalue(), digest, width, height)

    return _recent.get(digest, make)
