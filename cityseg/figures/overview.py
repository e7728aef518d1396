"""The figure of all models: size against score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import plotly.graph_objects as go

from cityseg.figures.theme import NEUTRAL, figure, run_color

_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")


@dataclass(frozen=True)
class ModelPoint:
    """One measured model.

    Attributes:
        name: the run's id or the shipped model's name.
        parameters: number of trained parameters.
        score: 0 to 1.
        conditions: what the score was measured on, in words; only points that agree in it can be compared.
    """

    name: str
    parameters: int
    score: float
    conditions: str


def model_front(points: Sequence[ModelPoint], score_name: str = "Macro F1 on the test split") -> go.Figure:
    """Plot parameters (log) against score; one symbol per measuring conditions, one colour per run.

    A dotted line joins, within each condition, the models that no smaller one matches.
    """
    traces: list[go.Scatter] = []
    groups = list(dict.fromkeys(point.conditions for point in points))
    for number, conditions in enumerate(groups):
        members = sorted((point for point in points if point.conditions == conditions), key=_smallest_best_first)
        traces.append(_front(members))
        symbol = _SYMBOLS[number % len(_SYMBOLS)]
        traces.append(
            go.Scatter(
                x=[point.parameters for point in members],
                y=[point.score for point in members],
                text=[point.name for point in members],
                mode="markers+text",
                textposition="top center",
                cliponaxis=False,
                showlegend=False,
                marker={
                    "size": 13,
                    "symbol": symbol,
                    "color": [run_color(point.name) for point in members],
                    "line": {"color": "rgba(255, 255, 255, 0.85)", "width": 1.5},
                },
                customdata=[[short_count(point.parameters), point.conditions] for point in members],
                hovertemplate="<b>%{text}</b><br>%{y:.3f} with %{customdata[0]} parameters"
                "<br>%{customdata[1]}<extra></extra>",
            )
        )
        # The key shows the symbol in grey: in the plot, colour stands for the run.
        key = {"size": 11, "symbol": symbol, "color": NEUTRAL}
        lines = conditions.replace(", compared", ",<br>compared")
        traces.append(go.Scatter(x=[None], y=[None], name=lines, mode="markers", marker=key, hoverinfo="skip"))
    return figure(
        traces,
        height=330 + 38 * len(groups),
        margin={"t": 16, "r": 24},
        legend={"orientation": "v", "yanchor": "top", "y": -0.22},
        xaxis={
            "type": "log",
            "showgrid": True,
            "title": {"text": "Trained parameters (log scale)"},
            **_decades(points),
        },
        yaxis={"title": {"text": score_name}, "tickformat": ".2f", "range": _score_range(points)},
    )


def _smallest_best_first(point: ModelPoint) -> tuple[int, float]:
    return point.parameters, -point.score


def _front(members: Sequence[ModelPoint]) -> go.Scatter:
    best = 0.0
    front = []
    for point in members:
        if point.score > best:
            front.append(point)
            best = point.score
    return go.Scatter(
        x=[point.parameters for point in front],
        y=[point.score for point in front],
        mode="lines",
        line={"color": NEUTRAL, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _score_range(points: Sequence[ModelPoint]) -> list[float]:
    top = max((point.score for point in points), default=1.0)
    return [0.0, min(1.05, max(0.1, top * 1.25))]


def _decades(points: Sequence[ModelPoint]) -> dict[str, object]:
    """Label powers of ten in words, and leave room beside the outermost points for their names."""
    powers = range(3, 10)
    sizes = [point.parameters for point in points] or [100_000, 10_000_000]
    low, high = floor(log10(max(1, min(sizes)))), ceil(log10(max(sizes) + 1))
    return {
        "tickvals": [10**power for power in powers],
        "ticktext": [short_count(10**power) for power in powers],
        "range": [low - 0.15, max(high, low + 2) + 0.15],
    }


def short_count(number: float) -> str:
    """Return a count in few characters: 842, 122 k, 7.8 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            value = number / size
            return f"{value:.0f}{unit}" if value >= 100 or value == int(value) else f"{value:.1f}{unit}"
    return f"{number:.0f}"
