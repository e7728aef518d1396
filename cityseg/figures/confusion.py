"""Confusion matrices as heat maps: one, or the difference of two."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.comparison.confusions import View, confusion_difference, improvement, normalised
from cityseg.classes import CLASS_NAMES
from cityseg.figures import theme

# Small shares are what one looks for, so the scale climbs early; readable on a light and on a dark page.
_SCALE = [
    (0.0, "rgba(47,125,225,0.05)"),
    (0.05, "rgba(47,125,225,0.25)"),
    (0.25, "rgba(47,125,225,0.55)"),
    (0.6, "rgba(47,125,225,0.85)"),
    (1.0, "rgba(36,86,201,1)"),
]

_CHANGE_SCALE = [(0.0, theme.WORSE), (0.5, "rgba(138,148,163,0.08)"), (1.0, theme.BETTER)]
"""From worse to better, in the colours that differences have everywhere."""

_WHITE_FROM = 45.0
"""Per cent from which a cell is dark enough for white figures, whatever the page."""


def confusion_heatmap(confusion: np.ndarray, ink: str = "#172033", view: View = "truth") -> go.Figure:
    """Draw a matrix in per cent: what the pixels of each class were called, or what those given a class are.

    Args:
        confusion: (19, 19) counts, rows = truth.
        ink: colour of the figures in pale cells, that of the page's text.
        view: ``truth`` makes rows add up to 100 %, ``prediction`` columns; those without pixels stay empty.
    """
    percent = 100 * normalised(confusion, view)
    words = {
        "truth": "%{z:.1f} % of %{y} pixels are called %{x}",
        "prediction": "%{z:.1f} % of the pixels called %{x} are %{y}",
    }
    cells = go.Heatmap(
        z=percent,
        x=list(CLASS_NAMES),
        y=list(CLASS_NAMES),
        customdata=np.asarray(confusion),
        hovertemplate=words[view] + "<br>%{customdata:,} pixels<extra></extra>",
        hoverongaps=False,
        colorscale=_SCALE,
        zmin=0,
        zmax=100,
        xgap=1,
        ygap=1,
        showscale=False,
    )
    strong = percent >= _WHITE_FROM
    return _laid_out([cells, _numbers(percent, strong, "white"), _numbers(percent, ~strong & (percent >= 0.5), ink)])


def confusion_change(first: np.ndarray, second: np.ndarray, ink: str = "#172033", view: View = "truth") -> go.Figure:
    """Draw the second matrix minus the first in percentage points: blue cells are better, orange ones worse.

    Args:
        first: (19, 19) counts, rows = truth.
        second: (19, 19) counts.
        ink: colour of the figures in pale cells, that of the page's text.
        view: what the shares refer to.
    """
    points = 100 * confusion_difference(first, second, view)
    better = improvement(points)
    # A few classes that change entirely would leave all others pale.
    limit = max(5.0, min(40.0, float(np.nanmax(np.abs(points), initial=0.0))))
    cells = go.Heatmap(
        z=better,
        x=list(CLASS_NAMES),
        y=list(CLASS_NAMES),
        customdata=[[_signed_points(value) for value in row] for row in points],
        hovertemplate="%{y} called %{x}: %{customdata} points<extra></extra>",
        hoverongaps=False,
        colorscale=_CHANGE_SCALE,
        zmin=-limit,
        zmax=limit,
        xgap=1,
        ygap=1,
        showscale=False,
    )
    told = np.abs(points) >= 0.5
    strong = np.abs(points) >= 0.7 * limit
    numbers = (_numbers(points, told & strong, "white", sign=True), _numbers(points, told & ~strong, ink, sign=True))
    return _laid_out([cells, *numbers])


def _laid_out(traces: list[go.Heatmap | go.Scatter]) -> go.Figure:
    return theme.figure(
        traces,
        height=640,
        showlegend=False,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis={
            "title": {"text": "what the model calls it"},
            "tickangle": -90,
            "side": "top",
            "fixedrange": True,
            "showgrid": False,
        },
        yaxis={"title": {"text": "what it is"}, "autorange": "reversed", "fixedrange": True, "showgrid": False},
    )


def _numbers(values: np.ndarray, where: np.ndarray, color: str, *, sign: bool = False) -> go.Scatter:
    """Write whole numbers into the cells (19, 19) bool that are to have one."""
    rows, columns = np.nonzero(where)
    return go.Scatter(
        x=[CLASS_NAMES[column] for column in columns],
        y=[CLASS_NAMES[row] for row in rows],
        text=[_signed_points(value, 0) if sign else f"{value:.0f}" for value in values[rows, columns]],
        mode="text",
        textfont={"size": 11, "color": color},
        hoverinfo="skip",
    )


def _signed_points(value: float, decimals: int = 1) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−")
