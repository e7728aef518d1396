"""Parallel coordinates: a line per result through its settings to its scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import plotly.graph_objects as go

from cityseg.analysis.parallel_coordinates import END, Axis
from cityseg.figures import theme
from cityseg.text import shortened

_ROW = 80
"""Height of an axis in pixels."""
_PAPER = {False: "rgba(255, 255, 255, 0.86)", True: "rgba(15, 20, 27, 0.86)"}
"""Behind texts, on a light and on a dark page."""
_LONGEST_NAME = 28
"""Characters of a name in the legend."""
_LEGEND = 10
"""Lines up to which there is a legend; more are named on hover only."""


def parallel_axes(
    axes: Sequence[Axis],
    names: Sequence[str],
    colors: Sequence[str],
    apart: Collection[str] = (),
    *,
    dark: bool = False,
) -> go.Figure:
    """Draw the axes one below the other, so that their values are readable on a narrow screen too.

    Args:
        axes: from top to bottom; the scores belong at the end.
        names: the results, in the order of the axes' places.
        colors: one per result.
        apart: results that are not comparable with the others; their lines are dashed.
    """
    # Shifted, because results with the same settings would hide each other.
    step = min(0.005, 0.03 / len(names))
    shifts = [(row - (len(names) - 1) / 2) * step for row in range(len(names))]
    lines = [
        go.Scatter(
            x=[None if (place := one.places[row]) is None else place + shifts[row] for one in axes],
            y=list(range(len(axes))),
            name=theme.plain(shortened(name, _LONGEST_NAME)),
            mode="lines+markers",
            opacity=0.85,
            line={"color": color, "width": 2.2, "dash": "dash" if name in apart else "solid"},
            marker_size=9,
            connectgaps=False,
            customdata=[[one.name, one.texts[row]] for one in axes],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<extra>" + theme.plain(name) + "</extra>",
        )
        for row, (name, color) in enumerate(zip(names, colors, strict=True))
    ]
    y = theme.segments((row, row) for row in range(len(axes)))
    rules = theme.guide([0, 1, None] * len(axes), y, 5, line_color=theme.GRID)
    legend = len(names) <= _LEGEND
    return theme.figure(
        [rules, *lines],
        height=_ROW * len(axes) + (90 if legend else 40),
        showlegend=legend,
        margin={"t": 60 if legend else 20, "l": 12, "r": 12, "b": 24},
        annotations=[label for row, one in enumerate(axes) for label in _labels(one, row, dark=dark)],
        xaxis={"visible": False, "range": [-0.06, 1.06], "fixedrange": True},
        yaxis={"visible": False, "range": [len(axes) - 0.45, -0.55], "fixedrange": True},
        hovermode="closest",
    )


def _labels(one: Axis, row: int, *, dark: bool) -> list[dict[str, object]]:
    """Write the axis's name above its left end, and each value below it, over the lines that pass."""
    ink = {"font": {"size": 12, "color": theme.INK[dark]}, "bgcolor": _PAPER[dark], "borderpad": 1}
    common = {"y": row, "showarrow": False, **ink}
    name = {"x": 0, "text": f"<b>{one.name}</b>", "xanchor": "left", "yanchor": "bottom", "yshift": 9, **common}
    values = [
        {"x": place, "text": theme.plain(text), "xanchor": _anchor(place), "yanchor": "top", "yshift": -9, **common}
        for place, text in one.ticks
    ]
    return [name, *values]


def _anchor(place: float) -> str:
    return "left" if place < END else "right" if place > 1 - END else "center"
