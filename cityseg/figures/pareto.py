"""Chart of model size or speed against score, with Pareto fronts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, floor, log10
from typing import Any, Literal

import plotly.graph_objects as go

from cityseg.figures import name_labels, theme
from cityseg.figures.name_labels import Mark
from cityseg.text import shortened

Cost = Literal["size", "speed", "onnx"]
_TITLES: dict[Cost, str] = {
    "size": "Trained parameters (log scale)",
    "speed": "Speed in frames per second, one at a time (log scale)",
    "onnx": "Frames per second by ONNX Runtime (log scale)",
}
_WIDTHS, _HEIGHT = (270.0, 860.0), 340.0
"""Pixels of the plot for which the names are placed: the widths of a phone and of a desk, and the height."""
_MARKER = 11.0
_LONGEST_NAME = 22
"""Characters of a name beside its mark."""
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


_MOST_NAMES = 24
"""Marks with a name; the others are named when the pointer is on them."""


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
    groups, fronts = list(dict.fromkeys(point.conditions for point in points)), _fronts(points, by)
    figure = theme.figure(
        height=_HEIGHT + 80 + 38 * len(groups),
        margin={"t": 16, "r": 24},
        legend={"orientation": "v", "yanchor": "top", "y": -0.17},
        xaxis={"type": "log", "showgrid": True, "title": _TITLES[by], **_axis(points, by)},
        yaxis={"title": "Macro F1 on the test split", "tickformat": ".2f", "range": _score_range(points)},
        annotations=_names(points, fronts, by),
    )
    for number, conditions in enumerate(groups):
        sign = 1 if by == "size" else -1
        members = [point for point in points if point.conditions == conditions]
        members.sort(key=lambda point: (sign * cost(point, by), -point.score))
        scores = [point.score for point in members]
        low, high = zip(*(point.interval or (point.score, point.score) for point in members), strict=True)
        for front in fronts:
            if front[0].conditions == conditions:
                scores_of_front = [point.score for point in front]
                figure.add_trace(
                    theme.guide([cost(point, by) for point in front], scores_of_front, 1.5, line_dash="dot")
                )
        symbol = _SYMBOLS[number % len(_SYMBOLS)]
        figure.add_scatter(
            x=[cost(point, by) for point in members],
            y=scores,
            error_y=theme.error_bars(scores, low, high, theme.NEUTRAL, 1, 3),
            text=[theme.plain(point.name) for point in members],
            mode="markers",
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


def _fronts(points: Sequence[ModelPoint], by: Cost) -> list[list[ModelPoint]]:
    """Return the Pareto front of each conditions, by speed of each device as well, from cheapest to dearest."""
    sign = 1 if by == "size" else -1
    groups: dict[tuple[str, str], list[ModelPoint]] = {}
    for point in sorted(points, key=lambda point: (sign * cost(point, by), -point.score)):
        groups.setdefault((point.conditions, point.timed_on if by == "speed" else ""), []).append(point)
    fronts = []
    for members in groups.values():
        best = [0.0, *accumulate((point.score for point in members), max)]
        fronts.append([point for point, before in zip(members, best, strict=False) if point.score > before])
    return fronts


def _names(points: Sequence[ModelPoint], fronts: Sequence[Sequence[ModelPoint]], by: Cost) -> list[dict[str, Any]]:
    """Return the names of the points, or of the best of many, as annotations placed where they overlap least."""
    left, right = _axis(points, by)["range"]
    top = _score_range(points)[1]

    def spot(point: ModelPoint) -> tuple[float, float]:
        return (log10(cost(point, by)) - left) / (right - left), point.score / top

    on_front = {id(point) for front in fronts for point in front}
    points = sorted(points, key=lambda point: (id(point) not in on_front, -point.score))
    points, unnamed = points[:_MOST_NAMES], points[_MOST_NAMES:]
    marks = []
    for point in points:
        low, high = (score / top for score in point.interval or (point.score, point.score))
        marks.append(Mark(shortened(point.name, _LONGEST_NAME), *spot(point), low, high))
    lines = [[spot(point) for point in front] for front in fronts] + [[spot(point)] * 2 for point in unnamed]
    labels = name_labels.place(marks, _WIDTHS, _HEIGHT, _MARKER, lines)
    annotations = []
    for point, mark, label in zip(points, marks, labels, strict=True):
        annotations.append(
            {
                "x": log10(cost(point, by)),
                "y": point.score,
                "text": theme.plain(mark.name),
                "ax": label.dx,
                "ay": -label.dy,
                "xanchor": "center",
                "yanchor": "middle",
                "borderpad": 0,
                "standoff": _MARKER / 2,
                "arrowhead": 0,
                "arrowwidth": 1,
                "arrowcolor": theme.NEUTRAL if label.is_apart else "rgba(0, 0, 0, 0)",
            }
        )
    return annotations


def _score_range(points: Sequence[ModelPoint]) -> list[float]:
    top = max((point.interval[1] if point.interval else point.score for point in points), default=1.0)
    return [0.0, min(1.05, max(0.1, top * 1.1))]


def _axis(points: Sequence[ModelPoint], by: Cost) -> dict[str, Any]:
    costs = [cost(point, by) for point in points]
    return _decades(costs) if by == "size" else _speeds(costs)


def _decades(sizes: Sequence[float]) -> dict[str, Any]:
    """Label powers of ten, with room beside the outermost points for their names."""
    powers = range(3, 10)
    sizes = sizes or [100_000, 10_000_000]
    low, high = floor(log10(max(1, min(sizes)))), ceil(log10(max(sizes) + 1))
    return {
        "tickvals": [10**power for power in powers],
        "ticktext": [short_count(10**power) for power in powers],
        "range": [low - 0.15, max(high, low + 2) + 0.15],
    }


def _speeds(speeds: Sequence[float]) -> dict[str, Any]:
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
