"""Regions that a user draws on a map: polygons, as a short text for a link, and the points inside."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

_SCALE = 1000
"""Steps per unit in the text; maps reach from -1 to 1."""
_MOST_CORNERS, _MOST_POLYGONS = 40, 4
"""More corners are thinned out, more polygons are left out, so that links stay short."""
_LARGEST = 2 * _SCALE
_NUMBER = re.compile(r"-?[0-9]{1,4}")


def to_text(polygons: Sequence[np.ndarray]) -> str:
    """Return polygons, each (K, 2) corners, as ``x,y,x,y;x,y,...`` in thousandths."""
    parts = []
    for corners in polygons[:_MOST_POLYGONS]:
        kept = np.unique(np.linspace(0, len(corners) - 1, min(len(corners), _MOST_CORNERS)).round().astype(int))
        rounded = np.rint(np.clip(np.asarray(corners, float)[kept] * _SCALE, -_LARGEST, _LARGEST)).astype(int)
        parts.append(",".join(map(str, rounded.ravel().tolist())))
    return ";".join(parts)


def from_text(text: str) -> list[np.ndarray]:
    """Return the polygons of ``to_text``; parts that are no polygons are left out."""
    polygons = []
    for part in text.split(";")[:_MOST_POLYGONS]:
        words = part.split(",")[: 2 * _MOST_CORNERS]
        if (
            len(words) < 6
            or len(words) % 2
            or not all(word.removeprefix("-").isdecimal() and len(word) < 6 for word in words)
        ):
            continue
        polygons.append(np.array([int(word) for word in words], float).reshape(-1, 2) / _SCALE)
    return polygons


def rectangle(x: Sequence[float], y: Sequence[float]) -> np.ndarray:
    """Return the (4, 2) corners of the rectangle between two values of ``x`` and of ``y``."""
    (left, right), (top, bottom) = x, y
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def inside(points: np.ndarray, polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Return (N,) bool: whether each of the (N, 2) points is inside any polygon, by the even-odd rule."""
    result = np.zeros(len(points), bool)
    for corners in polygons:
        odd = np.zeros(len(points), bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y0 == y1:
                continue
            crosses = (points[:, 1] < y0) != (points[:, 1] < y1)
            odd ^= crosses & (points[:, 0] < x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0))
        result |= odd
    return result
