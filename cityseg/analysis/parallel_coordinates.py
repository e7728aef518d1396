"""Places of values along parallel axes: one axis per setting or score, one line per result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Value = float | int | str | None
_TICKS = 6
"""So many different numbers are written at the axis at most; of more, the ends and the middle."""
_APART = 0.12
"""Written values are at least this far from each other, as a share of the axis."""
_LOGARITHMIC = 20.0
"""From this ratio of the largest to the smallest number on, an axis is logarithmic."""


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        name: of the setting or score.
        places: one per result, 0 to 1 from the least to the largest value, or in alphabetical order for words;
            None where a result has no value.
        texts: the same results' values as they are written.
        ticks: place and text of what is written at the axis, in order; not every value where they lie close.
    """

    name: str
    places: tuple[float | None, ...]
    texts: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]


def axis(name: str, values: Sequence[Value], texts: Sequence[str]) -> Axis:
    """Lay out one axis.

    Args:
        name: of the setting or score.
        values: one per result. Numbers keep their distances, or their ratios where these are large; anything else is
            spaced evenly.
        texts: the values as they are to be written.
    """
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        places = _numbers([float(value) if value is not None else None for value in values])
    else:
        places = _words(values)
    written = {place: text for place, text in zip(places, texts, strict=True) if place is not None}
    ticks = sorted(written.items())
    if len(ticks) > _TICKS:
        middle = min(ticks, key=lambda tick: abs(tick[0] - 0.5))
        ticks = [ticks[0], middle, ticks[-1]]
    return Axis(name, tuple(places), tuple(texts), tuple(_apart(ticks)))


def table(columns: Mapping[str, tuple[Sequence[Value], Sequence[str]]]) -> tuple[Axis, ...]:
    """Lay out several axes: by name, the values and how they are written."""
    return tuple(axis(name, values, texts) for name, (values, texts) in columns.items())


def _apart(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leave out what would be written over its neighbour; the two ends stay."""
    kept = ticks[:1]
    for place, text in ticks[1:-1]:
        if place - kept[-1][0] >= _APART and ticks[-1][0] - place >= _APART:
            kept.append((place, text))
    return kept + ticks[1:][-1:]


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
    last = max(1, len(order) - 1)
    only = len(order) == 1
    return [None if value is None else 0.5 if only else order.index(str(value)) / last for value in values]
