"""Decoded frames as a player shows them: colours, transparency, sample aspect ratio and rotation."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace

from cityseg.data.tone_mapping import CONVERTED, TRANSFERS, WIDE_GAMUTS, to_srgb

_UNSPECIFIED = 2
_HD_ROWS = 720
"""Rows from which browsers take an untagged video for BT.709; below, for BT.601."""
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
"""Matrix coefficients of ITU-T H.273 that can be converted."""
_LOGARITHMIC = (9, 10)


class UnsupportedColors(ValueError):
    """A frame has colours that cannot be converted; the message names them."""


def display_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return (width, height) with square pixels; one side grows, as in browsers.

    Example:
        >>> display_size(160, 120, Fraction(2))
        (320, 120)
        >>> display_size(160, 120, Fraction(1, 2))
        (160, 240)
    """
    if aspect is None or aspect <= 0:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def is_rotated(frame: Any) -> bool:
    """Whether a frame is displayed with its sides swapped."""
    return _orientation(frame)[0]


def displayed(frame: Any, context: Any, aspect: Fraction | None) -> np.ndarray:
    """Return a decoded frame as (H, W, 3) uint8 sRGB.

    Args:
        frame: of PyAV.
        context: its decoder, whose colour tags count where the frame has none.
        aspect: sample aspect ratio, None for square pixels.

    Raises:
        UnsupportedColors: see there.
    """
    transfer, primaries = transfer_of(frame, context), _tag(frame, context, "color_primaries")
    if transfer in _LOGARITHMIC:
        raise UnsupportedColors("a logarithmic transfer function")
    converts = transfer in CONVERTED or primaries in WIDE_GAMUTS
    transparent = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
    width, height = display_size(frame.width, frame.height, aspect)
    name = ("gbrap16le" if transparent else "gbrp16le") if converts else "rgba" if transparent else "rgb24"
    matrix = _matrix(frame, context)
    pixels = frame.to_ndarray(width=width, height=height, format=name, src_colorspace=matrix)
    colors = to_srgb(pixels[..., :3], transfer, primaries) if converts else pixels[..., :3]
    if transparent:
        colors = _on_white(colors, pixels[..., 3] >> (8 if converts else 0))
    swapped, mirrored, flipped = _orientation(frame)
    colors = colors.transpose(1, 0, 2) if swapped else colors
    return np.ascontiguousarray(colors[:: -1 if flipped else 1, :: -1 if mirrored else 1])


def transfer_of(frame: Any, context: Any) -> int:
    """Return the transfer characteristics of a frame."""
    return _tag(frame, context, "color_trc")


def _tag(frame: Any, context: Any, name: str) -> int:
    value = int(getattr(frame, name))
    return int(getattr(context, name)) if value == _UNSPECIFIED else value


def _matrix(frame: Any, context: Any) -> Colorspace | None:
    """Return the matrix from Y'CbCr to RGB, None for frames stored as RGB or grey; untagged frames as in browsers."""
    kind = frame.format
    if kind.is_rgb or kind.has_palette or len(kind.components) < 3 or kind.name.startswith("xyz"):
        return None
    found = _tag(frame, context, "colorspace")
    side_data = _side_data(frame, Type.DOVI_METADATA)
    if found == _UNSPECIFIED and side_data is not None and transfer_of(frame, context) == _UNSPECIFIED:
        raise UnsupportedColors("Dolby Vision without a compatible base layer")
    if found in (0, 3, _UNSPECIFIED):
        if transfer_of(frame, context) in TRANSFERS or _tag(frame, context, "color_primaries") == 9:
            return Colorspace.BT2020
        return Colorspace.ITU709 if frame.height >= _HD_ROWS else Colorspace.ITU601
    if found not in _MATRICES:
        raise UnsupportedColors(f"matrix coefficients {found} of ITU-T H.273")
    return _MATRICES[found]


def _on_white(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Blend (H, W, 3) uint8 with white by (H, W) opacities from 0 to 255."""
    result = np.empty(colors.shape, np.uint8)
    for row, (values, opacity) in enumerate(zip(colors, alpha, strict=True)):
        opaque = opacity.astype(np.uint16)[:, None]
        result[row] = (values * opaque + 255 * (255 - opaque) + 127) // 255
    return result


def _orientation(frame: Any) -> tuple[bool, bool, bool]:
    """Return whether a frame is shown transposed, then mirrored left to right, then turned upside down.

    The display matrix maps (x, y) to (a x + c y, b x + d y); angles between right angles count as the nearest one.
    """
    data = _side_data(frame, Type.DISPLAYMATRIX)
    if data is None:
        return False, False, False
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(data), "<i4", 5))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def _side_data(frame: Any, kind: Type) -> Any:
    # PyAV knows fewer kinds of side data than FFmpeg and raises a ValueError for the others.
    try:
        return next((data for data in frame.side_data if data.type == kind), None)
    except ValueError:
        return None
