"""Names beside the marks of a chart, placed so that names, marks and error bars overlap least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import hypot

Box = tuple[float, float, float, float]
"""Left, bottom, right and top in pixels."""
_LETTER, _LINE = 6.4, 15.0
"""Width of a letter and height of a line in pixels, in the charts' font of 12 pixels."""
_GAP = 2.0
_RINGS = (0.0, 14.0, 32.0, 54.0)
"""Pixels between a mark and its name beyond the closest place; a leader line joins those that lie apart."""
_SIDES = ((0, 1), (1, 0), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""Directions (right, up) from a mark to its name, the best first."""
_RING_COST, _OUTSIDE_COST = 12.0, 3.0
"""Pixels of overlap that a name accepts to stay a ring closer to its mark; weight of what lies outside the plot."""
_ROUNDS = 6
_DOT = 3.0
"""Pixels of the boxes that stand for a line."""


@dataclass(frozen=True)
class Mark:
    """A mark with a name: its position, 0 to 1 of the plot's width and height, and its error bar, likewise."""

    name: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Label:
    """Offset of the centre of a name from its mark in pixels (right, up)."""

    dx: float
    dy: float
    is_apart: bool
    """Whether a leader line should join them."""


def place(
    marks: Sequence[Mark],
    widths: Sequence[float],
    height: float,
    size: float,
    lines: Sequence[Sequence[tuple[float, float]]] = (),
) -> list[Label]:
    """Choose a place for every name.

    Args:
        marks: the marks.
        widths: of the plot, in pixels; offsets hold for all of them, so they are judged on each.
        height: of the plot, in pixels.
        size: of a mark, in pixels.
        lines: points, as those of marks, joined by lines that names should not cover.
    """
    plots = [[(mark.x * width, mark.y * height) for mark in marks] for width in widths]
    obstacles = [
        [
            *(_box(x, y, size, size) for x, y in spots),
            *((x - 2, mark.low * height, x + 2, mark.high * height) for mark, (x, _) in zip(marks, spots, strict=True)),
            *(box for line in lines for box in _along([(x * width, y * height) for x, y in line])),
        ]
        for width, spots in zip(widths, plots, strict=True)
    ]
    candidates = [_candidates(mark, height, size) for mark in marks]
    chosen = [options[0] for options in candidates]

    def badness(index: int, label: Label, ring: float) -> float:
        total = _RING_COST * ring
        for width, spots, others in zip(widths, plots, obstacles, strict=True):
            box = _name_box(marks[index].name, spots[index], label)
            total += sum(_overlap(box, other) for other in others)
            total += 2 * sum(
                _overlap(box, _name_box(marks[other].name, spots[other], chosen[other][0]))
                for other in range(len(marks))
                if other != index and placed[other]
            )
            outside = (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, (0.0, 0.0, width, height))
            total += _OUTSIDE_COST * outside
        return total

    # Greedy, the highest first, repeated while a name finds a better place among the others.
    placed = [False] * len(marks)
    for _ in range(_ROUNDS):
        before = list(chosen)
        for index in sorted(range(len(marks)), key=lambda index: -marks[index].y):
            chosen[index] = min(candidates[index], key=lambda option: badness(index, *option))
            placed[index] = True
        if chosen == before:
            break
    return [label for label, _ in chosen]


def _candidates(mark: Mark, height: float, size: float) -> list[tuple[Label, float]]:
    """Return places for a mark's name with the number of their ring; also those at the ends of its error bar."""
    name = mark.name
    above, below = ((end - mark.y) * height for end in (mark.high, mark.low))
    ends = (above + _LINE / 2 + _GAP, below - _LINE / 2 - _GAP)
    found = [(Label(0.0, dy, is_apart=False), 0.0) for dy in ends if abs(dy) > size / 2 + _LINE / 2]
    for (ring, extra), (right, up) in product(enumerate(_RINGS), _SIDES):
        length = hypot(right, up)
        dx = right * (size / 2 + _GAP + _LETTER * len(name) / 2 + extra / length)
        dy = up * (size / 2 + _LINE / 2 + extra / length)
        found.append((Label(dx, dy, ring > 0), float(ring)))
    return found


def _along(points: Sequence[tuple[float, float]]) -> list[Box]:
    """Return small boxes that cover a line through points."""
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, round(hypot(x1 - x0, y1 - y0) / _DOT))
        boxes += [_box(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps, _DOT, _DOT) for i in range(steps)]
    return boxes


def _name_box(name: str, spot: tuple[float, float], label: Label) -> Box:
    return _box(spot[0] + label.dx, spot[1] + label.dy, _LETTER * len(name), _LINE)


def _box(x: float, y: float, width: float, height: float) -> Box:
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
