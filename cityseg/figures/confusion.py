"""Heatmaps of confusion matrices: one matrix, or the difference of two."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.comparison.confusions import Normalisation, confusion_difference, improvement, normalised
from cityseg.classes import CLASS_NAMES
from cityseg.figures import theme

# Small shares matter most, so the scale climbs early; readable on a light and on a dark page.
_SCALE = [
    (0.0, "rgba(47,125,225,0.05)"),
    (0.05, "rgba(47,125,225,0.25)"),
    (0.25, "rgba(47,125,225,0.55)"),
    (0.6, "rgba(47,125,225,0.85)"),
    (1.0, "rgba(36,86,201,1)"),
]
_STRONG = {False: 81.0, True: 45.0}
"""Per cent from which a number is white, on a light and on a dark page."""
_WEAK = {False: "black", True: theme.INK[True]}
"""Colour of the other numbers; all numbers have a contrast of at least 4.5."""


def confusion_heatmap(confusion: np.ndarray, view: Normalisation = "truth", *, dark: bool = False) -> go.Figure:
    """Draw a confusion matrix in per cent.

    Args:
        confusion: (19, 19) counts, rows = ground truth.
        view: ``truth`` makes rows add up to 100 %, ``prediction`` columns; those without pixels stay empty.
    """
    percent = 100 * normalised(confusion, view)
    hover = {
        "truth": "%{z:.1f} % of %{y} pixels are predicted as %{x}",
        "prediction": "%{z:.1f} % of the pixels predicted as %{x} are %{y}",
    }
    strong = percent >= _STRONG[dark]
    return _figure(
        percent,
        np.asarray(confusion),
        hover[view] + "<br>%{customdata:,} pixels",
        (_SCALE, 0, 100),
        [_numbers(percent, strong, "white"), _numbers(percent, ~strong & (percent >= 0.5), _WEAK[dark])],
    )


def confusion_change(
    first: np.ndarray, second: np.ndarray, view: Normalisation = "truth", *, dark: bool = False
) -> go.Figure:
    """Draw the second matrix minus the first in percentage points: blue cells are better, orange ones worse.

    Arguments as for ``confusion_heatmap``.
    """
    points = 100 * confusion_difference(first, second, view)
    # Bounded, so that a few classes that change entirely do not leave all others pale.
    limit = float(np.clip(np.abs(np.nan_to_num(points)).max(), 5, 40))
    visible = np.abs(points) >= 0.5
    worse, better = theme.WORSE_TO_BETTER[dark]
    return _figure(
        improvement(points),
        [[_signed(value) for value in row] for row in points],
        "%{y} predicted as %{x}: %{customdata} points",
        ([(0.0, worse), (0.5, "rgba(138,148,163,0.08)"), (1.0, better)], -limit, limit),
        [_numbers(points, visible, _WEAK[dark], sign=True)],
    )


def _figure(
    values: np.ndarray,
    customdata: np.ndarray | list[list[str]],
    hover: str,
    scale: tuple[list[tuple[float, str]], float, float],
    numbers: list[go.Scatter],
) -> go.Figure:
    cells = theme.heatmap(
        values,
        *scale,
        x=list(CLASS_NAMES),
        y=list(CLASS_NAMES),
        customdata=customdata,
        hovertemplate=hover + "<extra></extra>",
        hoverongaps=False,
    )
    return theme.figure(
        [cells, *numbers],
        height=640,
        showlegend=False,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis={"title": "predicted as", "tickangle": -90, "side": "top", **theme.FIXED},
        yaxis={"title": "ground truth", "autorange": "reversed", **theme.FIXED},
    )


def _numbers(values: np.ndarray, where: np.ndarray, color: str, *, sign: bool = False) -> go.Scatter:
    """Write whole numbers into the cells that ``where``, (19, 19) bool, selects."""
    rows, columns = np.nonzero(where)
    return go.Scatter(
        x=[CLASS_NAMES[column] for column in columns],
        y=[CLASS_NAMES[row] for row in rows],
        text=[_signed(value, 0) if sign else f"{value:.0f}" for value in values[rows, columns]],
        mode="text",
        textfont={"size": 11, "color": color},
        hoverinfo="skip",
    )


def _signed(value: float, decimals: int = 1) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−")
