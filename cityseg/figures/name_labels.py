"""Names beside the marks of a chart, placed so that names, marks and error bars overlap least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import hypot

import numpy as np

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
    plots = [np.array([(mark.x * width, mark.y * height) for mark in marks]).reshape(-1, 2) for width in widths]
    candidates = [_candidates(mark, height, size) for mark in marks]
    # Names at every candidate place, (marks, candidates, 4) for each plot, and what each costs without other names.
    names = [
        [np.array([_name_box(mark.name, spot.tolist(), label) for label, _ in options]) for mark, spot, options in each]
        for each in (list(zip(marks, spots, candidates, strict=True)) for spots in plots)
    ]
    alone = [np.array([_RING_COST * ring for _, ring in options]) for options in candidates]
    for width, spots, boxes in zip(widths, plots, names, strict=True):
        others = np.array(_obstacles(marks, spots.tolist(), width, height, size, lines))
        plot = np.array([(0.0, 0.0, width, height)])
        for index, box in enumerate(boxes):
            area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
            outside = area - _overlaps(box, plot)[:, 0]
            alone[index] += _overlaps(box, others).sum(1) + _OUTSIDE_COST * outside
    # Greedy, the highest first, repeated while a name finds a better place among the others.
    chosen = [0] * len(marks)
    placed: list[int] = []
    for _ in range(_ROUNDS):
        before = list(chosen)
        for index in sorted(range(len(marks)), key=lambda index: -marks[index].y):
            cost = alone[index].copy()
            if fixed := [other for other in placed if other != index]:
                for boxes in names:
                    taken = np.array([boxes[other][chosen[other]] for other in fixed])
                    cost += 2 * _overlaps(boxes[index], taken).sum(1)
            chosen[index] = int(cost.argmin())
            if index not in placed:
                placed.append(index)
        if chosen == before:
            break
    return [options[place][0] for options, place in zip(candidates, chosen, strict=True)]


def _obstacles(
    marks: Sequence[Mark],
    spots: Sequence[Sequence[float]],
    width: float,
    height: float,
    size: float,
    lines: Sequence[Sequence[tuple[float, float]]],
) -> list[Box]:
    return [
        *(_box(x, y, size, size) for x, y in spots),
        *((x - 2, mark.low * height, x + 2, mark.high * height) for mark, (x, _) in zip(marks, spots, strict=True)),
        *(box for line in lines for box in _along([(x * width, y * height) for x, y in line])),
    ]


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


def _name_box(name: str, spot: Sequence[float], label: Label) -> Box:
    return _box(spot[0] + label.dx, spot[1] + label.dy, _LETTER * len(name), _LINE)


def _box(x: float, y: float, width: float, height: float) -> Box:
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the (B, N) overlaps of (B, 4) with (N, 4) boxes in square pixels."""
    low, high = (np.array(edges) for edges in ([0, 1], [2, 3]))
    sides = np.minimum(boxes[:, None, high], others[None, :, high]) - np.maximum(
        boxes[:, None, low], others[None, :, low]
    )
    area: np.ndarray = np.clip(sides, 0, None).prod(2)
    return area
