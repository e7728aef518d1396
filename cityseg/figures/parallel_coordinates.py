"""Parallel coordinates: every result is a line from its settings down to its scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import plotly.graph_objects as go

from cityseg.analysis.parallel_coordinates import Axis
from cityseg.figures import theme

_ROW = 80
"""Height of an axis in pixels."""
_LEGEND = 10
"""More lines than this are named on hover alone."""


def parallel_axes(
    axes: Sequence[Axis], names: Sequence[str], colors: Sequence[str], apart: Collection[str] = ()
) -> go.Figure:
    """Draw the axes one below the other, so that their values can be read on a narrow screen too.

    Args:
        axes: from top to bottom; the scores belong at the end.
        names: the results, in the order of the axes' places.
        colors: one per result.
        apart: results that were measured differently; their lines are dashed.
    """
    # Results with the same settings would hide each other.
    step = min(0.005, 0.03 / len(names))
    shifts = [(row - (len(names) - 1) / 2) * step for row in range(len(names))]
    lines = [
        go.Scatter(
            x=[None if (place := one.places[row]) is None else place + shifts[row] for one in axes],
            y=list(range(len(axes))),
            name=name,
            mode="lines+markers",
            opacity=0.85,
            line={"color": color, "width": 2.2, "dash": "dash" if name in apart else "solid"},
            marker={"size": 9},
            connectgaps=False,
            customdata=[[one.name, one.texts[row]] for one in axes],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<extra>" + name + "</extra>",
        )
        for row, (name, color) in enumerate(zip(names, colors, strict=True))
    ]
    rules = go.Scatter(
        x=[part for _ in axes for part in (0, 1, None)],
        y=[part for row in range(len(axes)) for part in (row, row, None)],
        mode="lines",
        line={"color": theme.GRID, "width": 5},
        hoverinfo="skip",
        showlegend=False,
    )
    legend = len(names) <= _LEGEND
    return theme.figure(
        [rules, *lines],
        height=_ROW * len(axes) + (90 if legend else 40),
        showlegend=legend,
        margin={"t": 60 if legend else 20, "l": 12, "r": 12, "b": 24},
        annotations=[note for row, one in enumerate(axes) for note in _labels(one, row)],
        xaxis={"visible": False, "range": [-0.06, 1.06], "fixedrange": True},
        yaxis={"visible": False, "range": [len(axes) - 0.45, -0.55], "fixedrange": True},
        hovermode="closest",
    )


def _labels(one: Axis, row: int) -> list[dict[str, object]]:
    """Write the axis's name above its left end and its values below it."""
    name: dict[str, object] = {"x": 0, "y": row, "text": f"<b>{one.name}</b>", "yanchor": "bottom", "yshift": 7}
    values: list[dict[str, object]] = [
        {"x": place, "y": row, "text": text, "yanchor": "top", "yshift": -5} for place, text in one.ticks
    ]
    # Beside its point, since lines leave the point upwards and downwards.
    sides = ["right" if place > 0.9 else "left" for place, _ in one.ticks]
    return [
        {**note, "xanchor": side, "xshift": 13 if side == "left" else -13, "showarrow": False, "font": {"size": 12}}
        for note, side in zip((name, *values), ("left", *sides), strict=True)
    ]
