"""TIFFs of 16 bits and more, written by hand after TIFF 6.0."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pytest
from PIL import ImageCms

from cityseg.data.image_io import decode_photo
from cityseg.errors import DataError, OutOfMemory

RANDOM = np.random.default_rng(2)
NOISE = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
WIDE = NOISE.astype(np.uint16) * 257
ALPHA = RANDOM.integers(0, 256, (20, 30, 1), dtype=np.uint8)
DEEP_ALPHA = ALPHA.astype(np.uint16) * 257
ON_WHITE = np.rint(NOISE * (ALPHA / 255) + 255 * (1 - ALPHA / 255))


def tiff(samples: np.ndarray, photometric: int, *, order: str = "<", planar: int = 1, **tags: object) -> bytes:
    """Write (H, W, channels) samples, uncompressed, in one strip per plane."""
    height, width, channels = samples.shape
    stored = samples.astype(samples.dtype.newbyteorder(order))
    planes = [stored[..., index] for index in range(channels)] if planar == 2 else [stored]
    strips = [np.ascontiguousarray(plane).tobytes() for plane in planes]
    values: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8 * samples.dtype.itemsize] * channels),
        259: ("H", [1]),
        262: ("H", [photometric]),
        273: ("I", [0] * len(strips)),
        277: ("H", [channels]),
        278: ("I", [height]),
        279: ("I", [len(strip) for strip in strips]),
        284: ("H", [planar]),
        339: ("H", [{"u": 1, "i": 2, "f": 3}[samples.dtype.kind]] * channels),
    }
    if "alpha" in tags:
        values[338] = ("H", [tags["alpha"]])
    if "orientation" in tags:
        values[274] = ("H", [tags["orientation"]])
    if "profile" in tags:
        values[34675] = ("B", [*tags["profile"]])

    def layout(first_strip: int) -> bytes:
        entries, rest, at = b"", b"", 10 + 12 * len(values) + 4
        values[273] = ("I", [first_strip + sum(map(len, strips[:index])) for index in range(len(strips))])
        for tag, (code, numbers) in sorted(values.items()):
            packed = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
            place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(f"{order}I", at + len(rest))
            rest += packed if len(packed) > 4 else b""
            entries += struct.pack(f"{order}HHI", tag, {"B": 1, "H": 3, "I": 4}[code], len(numbers)) + place
        head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(values))
        return head + entries + bytes(4) + rest

    return layout(len(layout(0))) + b"".join(strips)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("samples", "photometric", "options", "wanted"),
    [
        (WIDE, 2, {}, NOISE),
        (WIDE, 2, {"planar": 2}, NOISE),
        (NOISE, 2, {"planar": 2}, NOISE),
        (WIDE[..., :1], 1, {}, NOISE[..., :1]),
        (65535 - WIDE[..., :1], 0, {}, NOISE[..., :1]),
        (np.dstack([WIDE, DEEP_ALPHA]), 2, {"alpha": 2}, ON_WHITE),
        (np.dstack([WIDE[..., :1], DEEP_ALPHA]), 1, {"alpha": 2}, ON_WHITE[..., :1]),
        (np.dstack([WIDE, DEEP_ALPHA]), 2, {"alpha": 0}, NOISE),
        ((NOISE / 255).astype(np.float32), 2, {}, NOISE),
        ((NOISE[..., :1] / 255).astype(np.float32), 1, {}, NOISE[..., :1]),
        (NOISE[..., :1].astype(np.uint32) * 16843009, 1, {}, NOISE[..., :1]),
        (WIDE, 2, {"orientation": 3}, NOISE[::-1, ::-1]),
        (WIDE, 2, {"orientation": 6}, np.rot90(NOISE, -1)),
    ],
    ids=[
        *("RGB", "planar", "planar-8-bit", "grey", "white-is-zero", "RGBA", "LA", "unspecified", "float", "float-grey"),
        *("32-bit", "turned", "sideways"),
    ],
)
def test_deep_tiffs_are_read_by_value(order, samples, photometric, options, wanted):
    pixels = decode_photo(tiff(samples, photometric, order=order, **options))
    assert pixels.shape[:2] == wanted.shape[:2]
    assert np.abs(pixels.astype(int) - wanted).max() <= 1


def test_premultiplied_alpha_is_blended_once():
    colors = np.rint(WIDE * (ALPHA / 255)).astype(np.uint16)
    pixels = decode_photo(tiff(np.dstack([colors, DEEP_ALPHA]), 2, alpha=1))
    assert np.abs(pixels - ON_WHITE).max() <= 2


def test_profile_of_a_deep_tiff_is_applied():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    plain, managed = (decode_photo(tiff(WIDE, 2, **tags)) for tags in ({}, {"profile": profile}))
    np.testing.assert_array_equal(plain, NOISE)
    assert managed.shape == plain.shape


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(60))
def test_damaged_deep_tiffs_are_decoded_or_refused(seed):
    data, chance = bytearray(tiff(WIDE, 2, orientation=6)), np.random.default_rng(seed)
    for place in chance.integers(0, 200, chance.integers(1, 6)):
        data[place] = chance.integers(256)
    with suppress(DataError, OutOfMemory):
        assert decode_photo(bytes(data[: chance.integers(100, len(data) + 1)])).ndim == 3
