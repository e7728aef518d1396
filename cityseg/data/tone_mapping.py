"""Conversion of HDR and wide-gamut pixels to sRGB, the colour space of photos."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

PQ, HLG = 16, 18
"""Transfer characteristics of HDR in ITU-T H.273: SMPTE ST 2084 and ARIB STD-B67."""
LINEAR = 8
TRANSFERS = {PQ: "PQ", HLG: "HLG"}
CONVERTED = (*TRANSFERS, LINEAR)
"""Transfer characteristics that differ visibly from sRGB's."""
_REFERENCE_WHITE = 203.0
"""Luminance of diffuse white in PQ in cd/m², ITU-R BT.2408; in HLG it is a signal of 75 %."""
_KNEE = 0.85
"""Share of diffuse white above which highlights are compressed; below it, colours are kept."""
_BAND_PIXELS = 100_000
_TO_BT709 = {
    # BT.2020 (H.273: 9), DCI P3 and Display P3 (11, 12), linear light, D65. The rows sum to 1, so greys stay grey.
    9: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    11: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
    12: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}
WIDE_GAMUTS = tuple(_TO_BT709)
"""Primaries of H.273 that are converted to those of BT.709 and sRGB."""


def to_srgb(coded: np.ndarray, transfer: int, primaries: int) -> np.ndarray:
    """Convert coded RGB to sRGB.

    Diffuse white becomes white, and brighter highlights are compressed towards it without a change of hue. Without an
    HDR transfer, only the primaries are converted.

    Args:
        coded: (H, W, 3) uint16, full range.
        transfer: transfer characteristics of ITU-T H.273.
        primaries: colour primaries of H.273; unknown ones of HDR count as BT.2020.

    Returns:
        (H, W, 3) uint8.
    """
    if transfer in TRANSFERS and primaries not in (1, 5, 6):
        primaries = primaries if primaries in _TO_BT709 else 9
    matrix = np.array(_TO_BT709.get(primaries, np.eye(3)), np.float32)
    decode, encode = _light(transfer), _srgb()
    result = np.empty(coded.shape, np.uint8)
    rows = max(1, _BAND_PIXELS // max(1, coded.shape[1]))
    for top in range(0, len(coded), rows):
        # Channel by channel: NumPy is several times slower along an axis of three.
        source = [decode.take(coded[top : top + rows, :, channel]) for channel in range(3)]
        light = [sum(factor * values for factor, values in zip(row, source, strict=True)) for row in matrix]
        scale = _compression(np.maximum(np.maximum(light[0], light[1]), light[2])) if transfer in TRANSFERS else 1
        for channel, values in enumerate(light):
            steps = np.clip(values * scale * 65535 + 0.5, 0, 65535)
            result[top : top + rows, :, channel] = encode.take(steps.astype(np.uint16))
    return result


def _compression(brightest: np.ndarray) -> np.ndarray:
    """Return the factor by which pixels are darkened whose brightest channel is above the knee."""
    factor = np.ones_like(brightest)
    bright = brightest > _KNEE
    values = brightest[bright]
    factor[bright] = (_KNEE - (1 - _KNEE) * np.expm1((_KNEE - values) / (1 - _KNEE))) / values
    return factor


@lru_cache(maxsize=4)
def _light(transfer: int) -> np.ndarray:
    """Return the linear light of each of 65,536 signals, 1 for diffuse white."""
    signal = np.linspace(0, 1, 65536)
    if transfer == PQ:
        root = signal ** (1 / 78.84375)
        light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        light = light * (10_000 / _REFERENCE_WHITE)
    elif transfer == HLG:
        light = _hlg_scene(signal) / _hlg_scene(np.array(0.75))
    elif transfer == LINEAR:
        light = signal
    else:
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, np.float32)


def _hlg_scene(signal: np.ndarray) -> np.ndarray:
    """Invert the opto-electronic transfer function of ITU-R BT.2100."""
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)


@lru_cache(maxsize=1)
def _srgb() -> np.ndarray:
    """Return the 8-bit sRGB value of each of 65,536 steps of linear light."""
    light = np.linspace(0, 1, 65536)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * value), np.uint8)
