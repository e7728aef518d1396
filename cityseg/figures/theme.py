"""Layout and colours of all figures.

Backgrounds are transparent and greys are medium, so that a figure is readable on a light and on a dark page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.config.presets import PRESETS
from cityseg.data.layouts.detect import Split

BETTER = "#2f7de1"
"""Blue: the candidate is better."""
WORSE = "#e5752b"
"""Orange: the candidate is worse."""
SAME = "#8a94a3"
"""Grey: no difference, or none that is significant."""
NEUTRAL = "#7d8896"
"""Lines, outlines and marks that belong to no run and no class."""
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
    colors = [visible_color(index, palette, dark=dark) for index in train_ids]
    return [
        f'{CLASS_NAMES[index]} <span style="color:rgb{color};font-size:16px">■</span>'
        for index, color in zip(train_ids, colors, strict=True)
    ]


def class_axis(names: Sequence[str]) -> dict[str, Any]:
    """Return a vertical axis that lists names from top to bottom."""
    return {
        "categoryorder": "array",
        "categoryarray": list(names),
        "autorange": "reversed",
        "showgrid": False,
        "ticks": "",
    }


def difference_color(difference: float) -> str:
    """Return the colour of a signed difference in a score: blue for more, orange for less, grey for none."""
    return BETTER if difference > 0 else WORSE if difference < 0 else SAME


def base_layout(**overrides: Any) -> dict[str, Any]:
    """Return the layout every figure starts from; keywords replace or add entries."""
    layout: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": {"size": 13},
        "hoverlabel": {"font": {"size": 13}},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0, "title_text": ""},
        "dragmode": False,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": NEUTRAL, "activecolor": BETTER},
        "xaxis": {"gridcolor": GRID, "zeroline": False, "automargin": True},
        "yaxis": {"gridcolor": GRID, "zeroline": False, "automargin": True},
    }
    for name, value in overrides.items():
        old = layout.get(name)
        layout[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return layout


def figure(traces: list[Any], **overrides: Any) -> go.Figure:
    """Return a figure of ``traces`` in the shared layout."""
    return go.Figure(data=traces, layout=base_layout(**overrides))
