"""Layout of parallel coordinates: one axis per setting or score, one line per result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cityseg.text import shortened

Value = float | int | str | None
_LETTER = 0.0125
"""Width of a letter as a share of the axis, on the narrowest chart."""
_LONGEST_TEXT = 20
"""Characters of a value written at an axis."""
END = 0.08
"""Part of the axis at either end where values are written towards its middle; elsewhere they are centred."""
_LOGARITHMIC = 20.0
"""Ratio of the largest to the smallest number from which an axis is logarithmic."""


@dataclass(frozen=True)
class Axis:
    """One axis."""

    name: str  # of the setting or score
    # One per result, 0 to 1 from the smallest to the largest value, or in alphabetical order for words; None for a
    # result without a value
    places: tuple[float | None, ...]
    texts: tuple[str, ...]  # the same results' values as text
    ticks: tuple[tuple[float, str], ...]  # place and text of the values written at the axis, none too close to another


def axis(name: str, values: Sequence[Value], texts: Sequence[str]) -> Axis:
    """Lay out one axis from one value per result, and its text.

    Numbers keep their distances, or their ratios if these are large; anything else is spaced evenly.
    """
    known = [value for value in values if value is not None]
    numeric = known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
    places = _numbers([None if value is None else float(value) for value in values]) if numeric else _words(values)
    by_place = zip(places, texts, strict=True)
    ticks = sorted({place: shortened(text, _LONGEST_TEXT) for place, text in by_place if place is not None}.items())
    return Axis(name, tuple(places), tuple(texts), tuple(_without_overlap(ticks)))


def _without_overlap(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leave out ticks whose texts would overlap; the two ends stay."""
    kept = ticks[:1]
    for tick in ticks[1:-1]:
        if _extent(kept[-1])[1] <= _extent(tick)[0] and _extent(tick)[1] <= _extent(ticks[-1])[0]:
            kept.append(tick)
    return kept + ticks[1:][-1:]


def _extent(tick: tuple[float, str]) -> tuple[float, float]:
    """Return where the text of a tick begins and ends, with a space around it."""
    place, width = tick[0], (len(tick[1]) + 2) * _LETTER
    start = place if place < END else place - width if place > 1 - END else place - width / 2
    return start, start + width


def _numbers(values: Sequence[float | None]) -> list[float | None]:
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    if low > 0 and high / low >= _LOGARITHMIC:
        values = [None if value is None else math.log(value) for value in values]
        low, high = math.log(low), math.log(high)
    span = high - low
    return [None if value is None else (value - low) / span if span else 0.5 for value in values]


def _words(values: Sequence[Value]) -> list[float | None]:
    order = sorted({str(value) for value in values if value is not None})
    if len(order) == 1:
        return [None if value is None else 0.5 for value in values]
    return [None if value is None else order.index(str(value)) / (len(order) - 1) for value in values]
