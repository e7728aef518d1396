"""Co-occurrence of classes in a frame."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, NUM_CLASSES, PALETTE
from cityseg.figures import theme

_SCALE = {False: ["#f5f4fb", "#5440be"], True: ["#191d2b", "#8471ea"]}
"""Colours from 0 to 100 %, on a light and on a dark page."""


def conditional(counts: np.ndarray) -> np.ndarray:
    """Return (19, 19) float64: among the frames with the row's class, the share that also contains the column's class.

    The row of an absent class is NaN.

    Args:
        counts: (19, 19) number of frames that contain both classes; the diagonal counts the frames with one class.
    """
    frames = np.diag(counts)[:, None].astype(float)
    return np.asarray(counts / np.where(frames > 0, frames, np.nan))


def cooccurrence_heatmap(counts: np.ndarray, palette: np.ndarray = PALETTE, *, dark: bool = False) -> go.Figure:
    """Plot, among the frames with one class, the share that also contains another; every cell is clickable.

    The first trace shows the cells; the second one, invisible, receives the clicks: its ``customdata`` begins with the
    names of both classes.

    Args:
        counts: (19, 19) number of frames that contain both classes.
    """
    percents = 100 * conditional(counts)
    places = list(range(NUM_CLASSES))
    cells = theme.heatmap(
        percents,
        _SCALE[dark],
        0,
        100,
        x=places,
        y=places,
        # Without an explicit size or colour, plotly fits the text to its cell and chooses a contrasting colour.
        text=[[_text(value) for value in row] for row in percents],
        texttemplate="%{text}",
        hoverinfo="skip",
    )
    rows, columns = np.nonzero(np.isfinite(percents))
    clicks = go.Scatter(
        x=columns,
        y=rows,
        mode="markers",
        # Streamlit does not report clicks on heat maps, but it does on invisible markers.
        marker={"symbol": "square", "size": 24, "color": "rgba(0,0,0,0)"},
        customdata=[
            [CLASS_NAMES[row], CLASS_NAMES[column], int(counts[row, column]), int(counts[row, row])]
            for row, column in zip(rows, columns, strict=True)
        ],
        text=[_text(value) for value in percents[rows, columns]],
        hovertemplate=(
            "%{text} % of the frames with %{customdata[0]} also contain %{customdata[1]}"
            "<br>%{customdata[2]:,} of %{customdata[3]:,} frames<extra></extra>"
        ),
    )
    span = [-0.5, NUM_CLASSES - 0.5]
    axis = {"tickvals": places, "showgrid": False}
    return theme.figure(
        [cells, clicks],
        height=700,
        showlegend=False,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis={
            "ticktext": list(CLASS_NAMES),
            "range": span,
            "side": "top",
            "tickangle": -90,
            "tickfont_size": 12,
            **axis,
        },
        xaxis_title="also contain this class (%)",
        yaxis={"ticktext": theme.class_ticks(places, palette, dark=dark), "range": span[::-1], **axis},
        yaxis_title="frames with this class",
    )


def _text(percents: float) -> str:
    """Format whole per cents; values near 0 or 100 are not rounded to them."""
    if np.isnan(percents):
        return ""
    if 0 < percents < 0.5:
        return "<1"
    if 99.5 <= percents < 100:
        return ">99"
    return f"{percents:.0f}"
