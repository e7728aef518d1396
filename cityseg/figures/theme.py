"""Layout and colours of all figures.

Backgrounds are transparent and greys are medium, so that a figure is readable on a light and on a dark page.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.config.presets import PRESETS
from cityseg.data.dataset import Split

BETTER = "#2f7de1"
"""Blue: the candidate is better."""
WORSE = "#e5752b"
"""Orange: the candidate is worse."""
BETTER_TEXT = {False: "#2468d8", True: "#5b9bff"}
WORSE_TEXT = {False: "#b04c06", True: "#f08a3c"}
"""The same as text, on a light and on a dark page, with a contrast of at least 4.5."""
WORSE_TO_BETTER = {False: (WORSE, BETTER), True: ("#a8501a", "#1f5bb0")}
"""The largest differences in a heat map on a light and on a dark page, readable below black and below light numbers."""
SAME = "#8a94a3"
"""Grey: no difference, or none that is significant."""
NEUTRAL = "#7d8896"
"""Lines, outlines and marks that belong to no run and no class."""
INK = {False: "#0d1526", True: "#e4e9f1"}
"""Text on a light and on a dark page."""
GRID = "rgba(128, 138, 152, 0.22)"

SPLIT_COLORS: dict[Split, str] = {"train": "#6388b0", "val": "#6d9440", "test": "#a272c2"}
"""Colours of the splits, for figures in which colour does not stand for a class."""
SPLIT_SYMBOLS: dict[Split, str] = {"train": "circle", "val": "diamond", "test": "square"}
SPLIT_DASHES: dict[Split, str] = {"train": "solid", "val": "dash", "test": "dot"}
ROW_PIXELS = 25
"""Height of one class in figures that list the classes from top to bottom."""
FIXED = {"showgrid": False, "fixedrange": True}
"""Axis entries of figures that are not zoomed."""

RUN_COLORS = (
    *("#14919b", "#b0459c", "#b8860b", "#6d5bd0", "#3f9142", "#cf3f4f", "#8a6d3b", "#5f7d95"),
    *("#e0699f", "#7a9a01", "#9b6fd1", "#1fa67a", "#a8442a", "#66788a", "#c1a100", "#4a6a4f"),
)
"""Colours of runs: distinct, and none of them the blue and orange of better and worse."""


def plain(name: str) -> str:
    """Return text that Plotly shows as ``name``: its labels read a subset of HTML, its hover texts also ``%{...}``."""
    return html.escape(name, quote=False).replace("%{", "%&#123;")


def run_color(run_id: str) -> str:
    """Return the colour of a run or shipped model, the same on every page.

    Presets, under whose names models are shipped, have fixed colours; any other name gets one by its hash, so two runs
    can share a colour. A figure therefore names its runs as well.
    """
    names = tuple(PRESETS)
    if run_id in names:
        return RUN_COLORS[names.index(run_id) % len(RUN_COLORS)]
    free = RUN_COLORS[len(names) :] if len(names) + 4 <= len(RUN_COLORS) else RUN_COLORS
    return free[int(hashlib.sha256(run_id.encode()).hexdigest(), 16) % len(free)]


def class_color(train_id: int, alpha: float = 1.0, palette: np.ndarray = PALETTE) -> str:
    """Return a class's colour as CSS: its row of a (256, 3) uint8 palette, with an opacity from 0 to 1."""
    red, green, blue = (int(value) for value in palette[train_id])
    return f"rgba({red}, {green}, {blue}, {alpha:g})"


def visible_color(train_id: int, palette: np.ndarray = PALETTE, *, dark: bool = False) -> tuple[int, int, int]:
    """Return a class's colour as (red, green, blue), mixed with white or black until it contrasts with the page.

    Scales that begin in the page's own colour need this, for the dark blue of cars on a dark page or the pale green of
    terrain on a white one. The hue stays.
    """
    color = palette[train_id].astype(float)
    luma = float(color @ (0.299, 0.587, 0.114))
    # On a dark page at least 120 of 255, on a light one at most 140.
    if dark and luma < 120:
        color += (255 - color) * (120 - luma) / (255 - luma)
    elif not dark and luma > 140:
        color *= 140 / luma
    red, green, blue = (round(part) for part in color)
    return red, green, blue


def class_ticks(train_ids: Sequence[int], palette: np.ndarray = PALETTE, *, dark: bool = False) -> list[str]:
    """Return axis labels: each class's name and a square in its ``visible_color``."""
    return [class_label(index, f"rgb{visible_color(index, palette, dark=dark)}") for index in train_ids]


def class_label(train_id: int, color: str, size: int = 16) -> str:
    """Return a class's name and a square of that colour and size in pixels."""
    return f'{CLASS_NAMES[train_id]} <span style="color:{color};font-size:{size}px">■</span>'


def class_axis(names: Sequence[str]) -> dict[str, Any]:
    """Return a vertical axis that lists names from top to bottom."""
    order = {"categoryorder": "array", "categoryarray": list(names), "autorange": "reversed"}
    return {**order, "showgrid": False, "ticks": ""}


def class_marker(train_ids: Sequence[int], palette: np.ndarray = PALETTE, width: float = 1) -> dict[str, Any]:
    """Return a marker style with the colours of classes and a grey outline.

    Some official colours nearly vanish on a dark page; the outline keeps them visible.
    """
    colors = [class_color(index, palette=palette) for index in train_ids]
    return {"color": colors, "line": {"color": NEUTRAL, "width": width}}


def class_bars(values: Sequence[float], texts: Sequence[str], train_ids: Sequence[int], palette: np.ndarray) -> go.Bar:
    """Return a horizontal bar per class in its colour, with a text at its end."""
    return go.Bar(
        x=values,
        y=[CLASS_NAMES[index] for index in train_ids],
        text=texts,
        marker=class_marker(train_ids, palette),
        orientation="h",
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{text}<extra></extra>",
    )


def guide(x: Any, y: Any, width: float = 2, **style: Any) -> go.Scatter:
    """Return a grey line that has neither hover text nor an entry in the legend."""
    style = {"line_color": NEUTRAL, "line_width": width, "hoverinfo": "skip", "showlegend": False, **style}
    return go.Scatter(x=x, y=y, mode="lines", **style)


def heatmap(z: np.ndarray, scale: Sequence[Any], low: float, high: float, **style: Any) -> go.Heatmap:
    """Return a heat map with gaps between its cells, coloured by ``scale`` from ``low`` to ``high``, without a bar."""
    gaps = {"xgap": 1, "ygap": 1, "showscale": False}
    return go.Heatmap(z=z, colorscale=scale, zmin=low, zmax=high, **{**gaps, **style})


def segments(ends: Iterable[Sequence[Any]]) -> list[Any]:
    """Return the coordinates of separate line segments, from those of their ends, for a single trace."""
    return [value for pair in ends for value in (*pair, None)]


def pattern(shape: str) -> dict[str, Any]:
    """Return a faint pattern over a bar's colour, so that bars differ by more than colour."""
    return {"shape": shape, "size": 6, "fillmode": "overlay", "fgcolor": "rgba(255, 255, 255, 0.7)"}


def legend_entry(name: str, symbol: str, size: float = 10) -> go.Scatter:
    """Return a trace that only shows a grey symbol in the legend, where colour stands for something else."""
    marker = {"symbol": symbol, "size": size, "color": NEUTRAL}
    return go.Scatter(x=[None], y=[None], name=name, mode="markers", marker=marker, hoverinfo="skip")


def error_bars(values: Any, low: Any, high: Any, color: str, thickness: float = 2, width: float = 5) -> dict[str, Any]:
    """Return the error bars from ``low`` to ``high`` around ``values``, each (N,)."""
    above, below = np.subtract(high, values), np.subtract(values, low)
    return {"array": above, "arrayminus": below, "color": color, "thickness": thickness, "width": width}


def add_reference(figure: go.Figure, score: float, label: str, side: str = "right") -> go.Figure:
    """Add a dotted vertical line at a score that the others are compared with; ``side`` anchors its label."""
    text = {"text": f"{label} {score:.3f}", "x": score, "xanchor": side, "yanchor": "bottom", "y": 1}
    return figure.add_vline(x=score, line={"dash": "dot", "color": NEUTRAL}, annotation=text)


def difference_color(difference: float) -> str:
    """Return the colour of a signed difference in a score: blue for more, orange for less, grey for none."""
    return BETTER if difference > 0 else WORSE if difference < 0 else SAME


def figure(traces: Sequence[Any] = (), **layout: Any) -> go.Figure:
    """Return a figure in the shared layout; arguments as for ``styled``."""
    return styled(go.Figure(data=traces), **layout)


def styled(figure: go.Figure, **layout: Any) -> go.Figure:
    """Apply the shared layout, to every axis of a figure with subplots.

    Args:
        figure: is changed and returned.
        **layout: further entries as in ``go.Figure.update_layout``.
    """
    return figure.update_xaxes(_AXIS).update_yaxes(_AXIS).update_layout(_LAYOUT).update_layout(layout)


def live(figure: go.Figure, height: int, *, legend: bool = True, **layout: Any) -> go.Figure:
    """Style a figure that gets new points while it is shown, and keep what the user hid or zoomed."""
    layout = {"margin_t": 34 if legend else 10, "uirevision": "kept", **layout}
    return styled(figure, height=height, showlegend=legend, **layout)


def two_rows(upper: float, lower: float, spacing: float) -> go.Figure:
    """Return two plots over one horizontal axis, with their shares of the height."""
    return make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[upper, lower], vertical_spacing=spacing)


_AXIS = {"gridcolor": GRID, "zeroline": False, "automargin": True}
_LAYOUT = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "font_size": 13,
    "hoverlabel_font_size": 13,
    "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0, "title_text": ""},
    "dragmode": False,
    "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": BETTER},
}
