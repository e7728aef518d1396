"""The figure of all models: what they cost, in size or in time, against their score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Literal

import plotly.graph_objects as go

from cityseg.figures.theme import NEUTRAL, figure, run_color

Cost = Literal["size", "speed", "onnx"]
_TITLES: dict[Cost, str] = {
    "size": "Trained parameters (log scale)",
    "speed": "Speed in frames per second, one at a time (log scale)",
    "onnx": "Frames per second by ONNX Runtime (log scale)",
}
_Box = tuple[float, float, float, float]
_PLOT = (380.0, 400.0)
_MARKER = 11.0
_LETTER = (6.2, 15.0)
_PLACES = {
    "top center": (0, 1),
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "bottom center": (0, -1),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
"""Where a name can stand beside its mark, best first: sideways and upwards."""
_ROUNDS = 8
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")


@dataclass(frozen=True)
class ModelPoint:
    """One measured model.

    Attributes:
        name: the run's id or the shipped model's name.
        parameters: number of trained parameters.
        score: 0 to 1.
        conditions: what the score was measured on, in words; only points that agree in it can be compared.
        interval: 95 % interval of the score, where it is known.
        frames_per_second: speed, one frame at a time, where it was measured.
        timed_on: device of that speed, in words; only speeds of one device can be compared.
        onnx_frames_per_second: the same by ONNX Runtime on the processor, where it was measured.
    """

    name: str
    parameters: int
    score: float
    conditions: str
    interval: tuple[float, float] | None = None
    frames_per_second: float | None = None
    timed_on: str = ""
    onnx_frames_per_second: float | None = None


def model_front(
    points: Sequence[ModelPoint], by: Cost = "size", score_name: str = "Macro F1 on the test split"
) -> go.Figure:
    """Plot parameters or frames per second (log) against score; a symbol per conditions, a colour per run.

    A dotted line joins, within each condition, the models that no smaller one matches; by speed, that no faster one on
    the same device matches.

    Args:
        points: the models; by a speed, those without it are left out.
        by: what a model costs: ``size`` in parameters, ``speed`` by PyTorch on the device it was timed on, or ``onnx``,
            by ONNX Runtime on the processor.
        score_name: title of the vertical axis.
    """
    points = [point for point in points if cost(point, by)]
    traces: list[go.Scatter] = []
    places = _name_places(points, by)
    groups = list(dict.fromkeys(point.conditions for point in points))
    for number, conditions in enumerate(groups):
        members = sorted((point for point in points if point.conditions == conditions), key=_cheapest_best_first(by))
        devices = dict.fromkeys(point.timed_on if by == "speed" else "" for point in members)
        for device in devices:
            traces.append(_front([point for point in members if by != "speed" or point.timed_on == device], by))
        symbol = _SYMBOLS[number % len(_SYMBOLS)]
        traces.append(
            go.Scatter(
                x=[cost(point, by) for point in members],
                y=[point.score for point in members],
                error_y=_intervals(members),
                text=[point.name for point in members],
                mode="markers+text",
                textposition=[places[point] for point in members],
                cliponaxis=False,
                showlegend=False,
                marker={
                    "size": _MARKER,
                    "symbol": symbol,
                    "color": [run_color(point.name) for point in members],
                    "line": {"color": "rgba(255, 255, 255, 0.85)", "width": 1.5},
                },
                customdata=[[_facts(point), point.conditions] for point in members],
                hovertemplate="<b>%{text}</b><br>%{y:.3f}%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            )
        )
        # The key shows the symbol in grey: in the plot, colour stands for the run.
        key = {"size": 11, "symbol": symbol, "color": NEUTRAL}
        lines = conditions.replace(", compared", ",<br>compared")
        traces.append(go.Scatter(x=[None], y=[None], name=lines, mode="markers", marker=key, hoverinfo="skip"))
    return figure(
        traces,
        height=_PLOT[1] + 80 + 38 * len(groups),
        margin={"t": 16, "r": 24},
        legend={"orientation": "v", "yanchor": "top", "y": -0.14},
        xaxis={
            "type": "log",
            "showgrid": True,
            "title": {"text": _TITLES[by]},
            **_axis(points, by),
        },
        yaxis={"title": {"text": score_name}, "tickformat": ".2f", "range": _score_range(points)},
    )


def cost(point: ModelPoint, by: Cost) -> float:
    """Return what a model costs, see ``model_front``; 0 where that is not known."""
    costs = {"size": point.parameters, "speed": point.frames_per_second, "onnx": point.onnx_frames_per_second}
    return float(costs[by] or 0)


def _cheapest_best_first(by: Cost) -> Callable[[ModelPoint], tuple[float, float]]:
    return lambda point: (cost(point, by) * (1 if by == "size" else -1), -point.score)


def _intervals(members: Sequence[ModelPoint]) -> dict[str, object]:
    ends = [point.interval or (point.score, point.score) for point in members]
    return {
        "array": [high - point.score for point, (_, high) in zip(members, ends, strict=True)],
        "arrayminus": [point.score - low for point, (low, _) in zip(members, ends, strict=True)],
        "color": NEUTRAL,
        "thickness": 1,
        "width": 3,
    }


def _facts(point: ModelPoint) -> str:
    interval = f" (95 % interval {point.interval[0]:.3f} to {point.interval[1]:.3f})" if point.interval else ""
    speed = f"<br>{point.frames_per_second:.0f} frames/s on {point.timed_on}" if point.frames_per_second else ""
    by_onnx = f", {point.onnx_frames_per_second:.0f} by ONNX Runtime" if point.onnx_frames_per_second else ""
    return f"{interval}<br>{short_count(point.parameters)} parameters{speed}{by_onnx if speed else ''}"


def _front(members: Sequence[ModelPoint], by: Cost) -> go.Scatter:
    best = 0.0
    front = []
    for point in members:
        if point.score > best:
            front.append(point)
            best = point.score
    return go.Scatter(
        x=[cost(point, by) for point in front],
        y=[point.score for point in front],
        mode="lines",
        line={"color": NEUTRAL, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _name_places(points: Sequence[ModelPoint], by: Cost) -> dict[ModelPoint, str]:
    """Choose where each point's name stands, so that it covers no other name and no other point where that can be.

    Worked out for a plot of ``_PLOT`` pixels; a wider one has more room, a narrower one may still show two names close.
    """
    axis = _axis(points, by)["range"]
    assert isinstance(axis, list)
    top = _score_range(points)[1]
    spots = {
        point: (_PLOT[0] * (log10(cost(point, by)) - axis[0]) / (axis[1] - axis[0]), _PLOT[1] * point.score / top)
        for point in points
    }
    markers = [(x - _MARKER / 2, y - _MARKER / 2, x + _MARKER / 2, y + _MARKER / 2) for x, y in spots.values()]
    places: dict[ModelPoint, str] = {}
    taken: dict[ModelPoint, _Box] = {}
    # One after the other, and again while a name finds a better place among the others.
    for _ in range(_ROUNDS):
        before = dict(places)
        for point in sorted(points, key=lambda point: -point.score):
            others = [*markers, *(box for other, box in taken.items() if other is not point)]
            boxes = {place: _name_box(point.name, spots[point], place) for place in _PLACES}
            places[point] = min(_PLACES, key=lambda place: sum(_overlap(boxes[place], other) for other in others))
            taken[point] = boxes[places[point]]
        if places == before:
            break
    return places


def _name_box(name: str, spot: tuple[float, float], place: str) -> _Box:
    width, height = _LETTER[0] * len(name), _LETTER[1]
    side, away = _PLACES[place]
    x = spot[0] + side * (_MARKER / 2 + 2 + width / 2)
    y = spot[1] + away * (_MARKER / 2 + height / 2)
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
    """Label powers of ten in words, and leave room beside the outermost points for their names."""
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
    """Return a count in few characters: 842, 122 k, 7.8 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            value = number / size
            return f"{value:.0f}{unit}" if value >= 100 or value == int(value) else f"{value:.1f}{unit}"
    return f"{number:.0f}"
