"""What a clip shows over time: how much of the picture each class covers, and how sure the model is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme

MOST_LINES = 8
"""Classes that get a line: those that cover most of the clip."""
_FEW = 40
"""Frames up to which each is marked, so that a very short clip is not an empty chart."""


def over_time(
    seconds: np.ndarray,
    shares: np.ndarray,
    confidence: np.ndarray,
    palette: np.ndarray = PALETTE,
    *,
    dark: bool = False,
) -> go.Figure:
    """Plot the shares of the largest classes over time, and the mean confidence below.

    Args:
        seconds: (N,) time of every frame.
        shares: (N, 19) share of every class by frame, in per cent.
        confidence: (N,) mean confidence by frame, in per cent.
        palette: (256, 3) uint8.
        dark: whether the page is dark.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.07)
    mode = "lines+markers" if len(seconds) <= _FEW else "lines"
    for train_id in largest(shares):
        red, green, blue = theme.visible_color(train_id, palette, dark=dark)
        figure.add_trace(_line(seconds, shares[:, train_id], CLASS_NAMES[train_id], f"rgb({red},{green},{blue})", mode))
    figure.add_trace(_line(seconds, confidence, "mean confidence", theme.NEUTRAL, mode, showlegend=False), row=2, col=1)
    figure.update_layout(theme.base_layout(height=430, hovermode="x unified"))
    figure.update_xaxes(gridcolor=theme.GRID, zeroline=False, automargin=True)
    figure.update_xaxes(title_text="Time in seconds", row=2, col=1)
    figure.update_yaxes(gridcolor=theme.GRID, zeroline=False, automargin=True, ticksuffix=" %")
    figure.update_yaxes(title_text="Share of the picture", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="Confidence", range=[0, 102], row=2, col=1)
    return figure


def largest(shares: np.ndarray) -> Sequence[int]:
    """Return the train ids of the classes that cover most of a clip, most first; those that occur.

    Args:
        shares: (N, 19) share of every class by frame.
    """
    means = shares.mean(axis=0)
    return [int(place) for place in np.argsort(-means, kind="stable")[:MOST_LINES] if means[place]]


def _line(x: np.ndarray, y: np.ndarray, name: str, color: str, mode: str, **more: bool) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        name=name,
        mode=mode,
        line={"color": color, "width": 2},
        marker={"size": 5},
        hovertemplate="%{y:.1f} %",
        **more,
    )
