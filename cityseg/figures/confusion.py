"""A confusion matrix as a heat map."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cityseg.figures import theme
from cityseg.labels import CLASS_NAMES

# Small shares are what one looks for, so the scale climbs early; readable on a light and on a dark page.
_SCALE = [
    (0.0, "rgba(47,125,225,0.05)"),
    (0.05, "rgba(47,125,225,0.25)"),
    (0.25, "rgba(47,125,225,0.55)"),
    (0.6, "rgba(47,125,225,0.85)"),
    (1.0, "rgba(36,86,201,1)"),
]

_WHITE_FROM = 45.0
"""Per cent from which a cell is dark enough for white figures, whatever the page."""


def confusion_heatmap(confusion: np.ndarray, ink: str = "#172033") -> go.Figure:
    """Draw a matrix whose rows add up to 100 %: what the pixels of each class were called.

    Args:
        confusion: (19, 19) counts, rows = truth. A class without truth has an empty row.
        ink: colour of the figures in pale cells, that of the page's text.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    support = counts.sum(1, keepdims=True)
    percent = np.divide(100 * counts, support, out=np.full_like(counts, np.nan), where=support > 0)
    names = list(CLASS_NAMES)
    cells = go.Heatmap(
        z=percent,
        x=names,
        y=names,
        customdata=np.asarray(confusion),
        hovertemplate="%{z:.1f} % of %{y} pixels are called %{x}<br>%{customdata:,} pixels<extra></extra>",
        hoverongaps=False,
        colorscale=_SCALE,
        zmin=0,
        zmax=100,
        xgap=1,
        ygap=1,
        showscale=False,
    )
    strong = percent >= _WHITE_FROM
    return theme.figure(
        [cells, _numbers(percent, strong, "white"), _numbers(percent, ~strong & (percent >= 0.5), ink)],
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


def _numbers(percent: np.ndarray, where: np.ndarray, color: str) -> go.Scatter:
    """Write whole per cents into the cells (19, 19) bool that are to have one."""
    rows, columns = np.nonzero(where)
    return go.Scatter(
        x=[CLASS_NAMES[column] for column in columns],
        y=[CLASS_NAMES[row] for row in rows],
        text=[f"{value:.0f}" for value in percent[rows, columns]],
        mode="text",
        textfont={"size": 11, "color": color},
        hoverinfo="skip",
    )
