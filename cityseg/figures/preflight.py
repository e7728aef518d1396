"""Figures of the preflight checks: the overfit check and the learning-rate finder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from cityseg.figures import theme

_COLOR = theme.SPLIT_COLORS["train"]


def overfit_curve(points: Sequence[Mapping[str, Any]], steps: int, target: float) -> go.Figure:
    """Plot macro F1 on the overfitted frames over the steps, and the loss below it.

    Args:
        points: ``step``, ``loss`` and ``macro_f1`` of every step.
        steps: end of the horizontal axis, which then does not move while the check runs.
        target: macro F1 at which the frames count as overfitted.
    """
    figure = theme.two_rows(0.6, 0.4, 0.08)
    for row, (key, name) in enumerate((("macro_f1", "macro F1"), ("loss", "loss")), start=1):
        figure.add_scatter(
            x=[point["step"] for point in points],
            y=[point[key] for point in points],
            name=name,
            mode="lines" if len(points) > 1 else "markers",
            line={"color": _COLOR, "width": 2},
            hovertemplate=f"step %{{x:,}}: %{{y:.3f}}<extra>{name}</extra>",
            row=row,
            col=1,
        )
    figure.add_hline(
        y=target,
        line={"color": theme.NEUTRAL, "dash": "dash", "width": 1.4},
        annotation={"text": f"overfitted from {target:g}", "font": {"size": 12}},
        annotation_position="top left",
        row=1,
        col=1,
    )
    figure.update_yaxes(title="macro F1", range=[0, 1.08], tickvals=[0, 0.5, 1], row=1, col=1)
    figure.update_yaxes(title="loss", rangemode="tozero", nticks=4, row=2, col=1)
    figure.update_xaxes(range=[0, steps]).update_xaxes(title="optimiser step", row=2, col=1)
    return theme.live(figure, 300, legend=False)


def rate_curve(
    points: Sequence[Mapping[str, Any]],
    smoothed: Sequence[float],
    suggestion: float | None,
    limits: tuple[float, float],
) -> go.Figure:
    """Plot the loss of each batch over its learning rate, raw and smoothed, and mark the suggestion.

    Args:
        points: ``learning_rate`` and ``loss`` of every step.
        smoothed: the smoothed loss of every step.
        suggestion: the learning rate to mark, or None.
        limits: the lowest and the highest learning rate of the search.
    """
    rates = [point["learning_rate"] for point in points]
    figure = go.Figure()
    figure.add_scatter(
        x=rates,
        y=[point["loss"] for point in points],
        name="each batch",
        mode="markers",
        marker={"color": theme.NEUTRAL, "size": 5, "opacity": 0.7},
        hovertemplate="learning rate %{x:.2g}: %{y:.3f}<extra>loss of the batch</extra>",
    )
    figure.add_scatter(
        x=rates,
        y=list(smoothed),
        name="smoothed",
        mode="lines",
        line={"color": _COLOR, "width": 2.4},
        hovertemplate="learning rate %{x:.2g}: %{y:.3f}<extra>smoothed loss</extra>",
    )
    if suggestion is not None:
        at = min(range(len(rates)), key=lambda index: abs(rates[index] - suggestion))
        figure.add_scatter(
            x=[suggestion],
            y=[smoothed[at]],
            name="suggestion",
            mode="markers+text",
            marker={"color": _COLOR, "size": 12, "symbol": "diamond", "line": {"color": "white", "width": 1.5}},
            text=[f"<b>{suggestion:.2g}</b>"],
            textposition="top right",
            hovertemplate="steepest descent at %{x:.2g}<extra>suggestion</extra>",
        )
    low, high = (math.log10(limit) for limit in limits)
    ticks = [10.0**power for power in range(math.ceil(low - 0.01), math.floor(high + 0.01) + 1)]
    return theme.live(
        figure,
        270,
        xaxis={"type": "log", "range": [low - 0.1, high + 0.1], "title": "learning rate of the step (log scale)"},
        xaxis_tickvals=ticks,
        xaxis_ticktext=[f"{tick:g}".replace("e-0", "e-") for tick in ticks],
        yaxis_title="loss of the batch",
    )
