"""Chart of model size or speed against score, with Pareto fronts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, floor, log10
from typing import Literal

import plotly.graph_objects as go

from cityseg.figures import theme

Cost = Literal["size", "speed", "onnx"]
_TITLES: dict[Cost, str] = {
    "size": "Trained parameters (log scale)",
    "speed": "Speed in frames per second, one at a time (log scale)",
    "onnx": "Frames per second by ONNX Runtime (log scale)",
}
_Box = tuple[float, float, float, float]
_PLOT = (380.0, 400.0)
"""Width and height in pixels for which the positions of names are computed."""
_MARKER = 11.0
_LETTER = (6.2, 15.0)
_POSITIONS = {
    "top center": (0, 1),
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "bottom center": (0, -1),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
"""Positions of a name beside its mark, best first, with their direction (right, up)."""
_ROUNDS = 8
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")


@dataclass(frozen=True)
class ModelPoint:
    """One measured run or shipped model; None stands for what was not measured."""

    name: str
    parameters: int
    score: float
    """0 to 1."""
    conditions: str
    """Data and size of the score; only points with equal ones are comparable."""
    interval: tuple[float, float] | None = None
    """95 % interval of the score."""
    frames_per_second: float | None = None
    """Speed, one frame at a time."""
    timed_on: str = ""
    """Device of that speed; only speeds of one device are comparable."""
    onnx_frames_per_second: float | None = None
    """Speed with ONNX Runtime on the CPU."""


def pareto_chart(points: Sequence[ModelPoint], by: Cost = "size") -> go.Figure:
    """Plot parameters or frames per second (log) against score; a symbol per conditions, a colour per run.

    A dotted line joins the Pareto front of each condition: the models that no smaller one, or no faster one on the same
    device, matches.

    Args:
        points: the models; those without the chosen cost are left out.
        by: ``size`` in parameters, ``speed`` of PyTorch on the device that was timed, or ``onnx``, the speed of ONNX
            Runtime on the CPU.
    """
    points = [point for point in points if cost(point, by)]
    positions = _name_positions(points, by)
    groups = list(dict.fromkeys(point.conditions for point in points))
    figure = theme.figure(
        height=_PLOT[1] + 80 + 38 * len(groups),
        margin={"t": 16, "r": 24},
        legend={"orientation": "v", "yanchor": "top", "y": -0.14},
        xaxis={"type": "log", "showgrid": True, "title": _TITLES[by], **_axis(points, by)},
        yaxis={"title": "Macro F1 on the test split", "tickformat": ".2f", "range": _score_range(points)},
    )
    for number, conditions in enumerate(groups):
        sign = 1 if by == "size" else -1
        members = [point for point in points if point.conditions == conditions]
        members.sort(key=lambda point: (sign * cost(point, by), -point.score))
        scores = [point.score for point in members]
        low, high = zip(*(point.interval or (point.score, point.score) for point in members), strict=True)
        devices = dict.fromkeys(point.timed_on if by == "speed" else "" for point in members)
        for device in devices:
            figure.add_trace(_front([point for point in members if by != "speed" or point.timed_on == device], by))
        symbol = _SYMBOLS[number % len(_SYMBOLS)]
        figure.add_scatter(
            x=[cost(point, by) for point in members],
            y=scores,
            error_y=theme.error_bars(scores, low, high, theme.NEUTRAL, 1, 3),
            text=[theme.plain(point.name) for point in members],
            mode="markers+text",
            textposition=[positions[point] for point in members],
            cliponaxis=False,
            showlegend=False,
            marker={"size": _MARKER, "symbol": symbol, "line": {"color": "rgba(255, 255, 255, 0.85)", "width": 1.5}},
            marker_color=[theme.run_color(point.name) for point in members],
            customdata=[[_facts(point), theme.plain(point.conditions)] for point in members],
            hovertemplate="<b>%{text}</b><br>%{y:.3f}%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
        figure.add_trace(theme.legend_entry(theme.plain(conditions).replace(", compared", ",<br>compared"), symbol, 11))
    return figure


def cost(point: ModelPoint, by: Cost) -> float:
    """Return a model's cost as in ``pareto_chart``; 0 if unknown."""
    costs = {"size": point.parameters, "speed": point.frames_per_second, "onnx": point.onnx_frames_per_second}
    return float(costs[by] or 0)


def _facts(point: ModelPoint) -> str:
    interval = f" (95 % interval {point.interval[0]:.3f} to {point.interval[1]:.3f})" if point.interval else ""
    speed = f"<br>{point.frames_per_second:.0f} frames/s on {point.timed_on}" if point.frames_per_second else ""
    by_onnx = f", {point.onnx_frames_per_second:.0f} by ONNX Runtime" if point.onnx_frames_per_second else ""
    return f"{interval}<br>{short_count(point.parameters)} parameters{speed}{by_onnx if speed else ''}"


def _front(members: Sequence[ModelPoint], by: Cost) -> go.Scatter:
    """Draw the Pareto front of models sorted from cheapest to dearest."""
    best = [0.0, *accumulate((point.score for point in members), max)]
    front = [point for point, before in zip(members, best, strict=False) if point.score > before]
    return theme.guide([cost(point, by) for point in front], [point.score for point in front], 1.5, line_dash="dot")


def _name_positions(points: Sequence[ModelPoint], by: Cost) -> dict[ModelPoint, str]:
    """Choose the position of each point's name so that names and marks overlap least in a plot of ``_PLOT`` pixels."""
    axis = _axis(points, by)["range"]
    assert isinstance(axis, list)
    top = _score_range(points)[1]
    spots = {
        point: (_PLOT[0] * (log10(cost(point, by)) - axis[0]) / (axis[1] - axis[0]), _PLOT[1] * point.score / top)
        for point in points
    }
    markers = [_box(x, y, _MARKER, _MARKER) for x, y in spots.values()]
    positions: dict[ModelPoint, str] = {}
    taken: dict[ModelPoint, _Box] = {}
    # Greedy, repeated while a name finds a better position among the others.
    for _ in range(_ROUNDS):
        before = dict(positions)
        for point in sorted(points, key=lambda point: -point.score):
            others = [*markers, *(box for other, box in taken.items() if other is not point)]
            boxes = {position: _name_box(point.name, spots[point], position) for position in _POSITIONS}
            positions[point] = min(boxes, key=lambda place: sum(_overlap(boxes[place], other) for other in others))
            taken[point] = boxes[positions[point]]
        if positions == before:
            break
    return positions


def _name_box(name: str, spot: tuple[float, float], position: str) -> _Box:
    width, height = _LETTER[0] * len(name), _LETTER[1]
    right, up = _POSITIONS[position]
    x = spot[0] + right * (_MARKER / 2 + 2 + width / 2)
    return _box(x, spot[1] + up * (_MARKER / 2 + height / 2), width, height)


def _box(x: float, y: float, width: float, height: float) -> _Box:
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _overlap(one: _Box, other: _Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


def _score_range(points: Sequence[ModelPoint]) -> list[float]:
    top = max((point.interval[1] if point.interval else point.score for point in points), default=1.0)
    return [0.0, min(1.05, max(0.1, top * 1.1))]


def _axis(points: Sequence[ModelPoint], by: Cost) -> dict[str, object]:
    costs = [cost(point, by) for point in points]
    return _decades(costs) if by == "size" else _speeds(costs)


def _decades(sizes: Sequence[float]) -> dict[str, object]:
    """Label powers of ten, with room beside the outermost points for their names."""
    powers = range(3, 10)
    sizes = sizes or [100_000, 10_000_000]
    low, high = floor(log10(max(1, min(sizes)))), ceil(log10(max(sizes) + 1))
    return {
        "tickvals": [10**power for power in powers],
        "ticktext": [short_count(10**power) for power in powers],
        "range": [low - 0.15, max(high, low + 2) + 0.15],
    }


def _speeds(speeds: Sequence[float]) -> dict[str, object]:
    speeds = speeds or [1.0, 100.0]
    ticks = [step * 10**power for power in range(-1, 5) for step in (1, 2, 5)]
    return {
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
        "range": [log10(min(speeds)) - 0.25, log10(max(speeds)) + 0.25],
    }


def short_count(number: float) -> str:
    """Return a count in a few characters: 842, 122 k, 7.8 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            value = number / size
            return f"{value:.0f}{unit}" if value >= 100 or value == int(value) else f"{value:.1f}{unit}"
    return f"{number:.0f}"
