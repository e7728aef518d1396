"""Chart of a video over time: the share of each class, and the mean confidence."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme

MAX_LINES = 8
"""Number of classes plotted, those with the largest mean share."""
_MAX_MARKED_FRAMES = 40
"""Frames up to which each is marked, so that the chart of a very short video is not empty."""


def shares_over_time(
    seconds: np.ndarray,
    shares: np.ndarray,
    confidence: np.ndarray,
    palette: np.ndarray = PALETTE,
    *,
    dark: bool = False,
) -> go.Figure:
    """Plot the shares of the largest classes over time, and the mean confidence below.

    Args:
        seconds: (N,) time of each frame.
        shares: (N, 19) share of each class by frame, in per cent.
        confidence: (N,) mean confidence by frame, in per cent.
    """
    figure = theme.two_rows(0.7, 0.3, 0.07)
    mode = "lines+markers" if len(seconds) <= _MAX_MARKED_FRAMES else "lines"
    for train_id in largest_classes(shares):
        red, green, blue = theme.visible_color(train_id, palette, dark=dark)
        figure.add_trace(_line(seconds, shares[:, train_id], CLASS_NAMES[train_id], f"rgb({red},{green},{blue})", mode))
    figure.add_trace(_line(seconds, confidence, "mean confidence", theme.NEUTRAL, mode, showlegend=False), row=2, col=1)
    figure.update_xaxes(title="Time in seconds", row=2, col=1)
    figure.update_yaxes(ticksuffix=" %")
    figure.update_yaxes(title="Share of the image", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="Confidence", range=[0, 102], row=2, col=1)
    return theme.styled(figure, height=430, hovermode="x unified")


def largest_classes(shares: np.ndarray) -> list[int]:
    """Return the train ids of the ``MAX_LINES`` present classes with the largest mean of (N, 19) shares."""
    means = shares.mean(axis=0)
    return [int(index) for index in np.argsort(-means, kind="stable")[:MAX_LINES] if means[index]]


def _line(x: np.ndarray, y: np.ndarray, name: str, color: str, mode: str, **options: bool) -> go.Scatter:
    line, marker = {"color": color, "width": 2}, {"size": 5}
    return go.Scatter(x=x, y=y, name=name, mode=mode, line=line, marker=marker, hovertemplate="%{y:.1f} %", **options)
