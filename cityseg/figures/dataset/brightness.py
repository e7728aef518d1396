"""Brightness and contrast of the photos."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from cityseg.data.dataset import Split
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.figures import theme

_BINS = 24
_HEIGHT = 300


def percent_of_white(levels: np.ndarray) -> np.ndarray:
    """Convert grey levels, 0 to 255, to per cent of white."""
    return np.asarray(levels) / 2.55


def histogram_by_split(values: Mapping[Split, np.ndarray], title: str) -> go.Figure:
    """Plot a histogram of grey levels per split, as a share of the split's frames.

    Each point's ``customdata`` is (split, lower edge, upper edge, frames) of its bin.

    Args:
        values: by split, (N,) per cent of white.
        title: title of the horizontal axis.
    """
    edges = bin_edges(values)
    figure = theme.figure(
        height=_HEIGHT,
        margin_t=34,
        xaxis={"title": title, "ticksuffix": " %", "range": [float(edges[0]), float(edges[-1])]},
        yaxis={"title": "Share of the split's frames", "ticksuffix": " %", "rangemode": "tozero"},
    )
    for split, levels in values.items():
        counts, _ = np.histogram(levels, edges)
        color = theme.SPLIT_COLORS[split]
        figure.add_scatter(
            x=(edges[:-1] + edges[1:]) / 2,
            y=100 * counts / max(1, len(levels)),
            name=split,
            mode="lines+markers",
            line={"color": color, "dash": theme.SPLIT_DASHES[split], "width": 2},
            marker={"symbol": theme.SPLIT_SYMBOLS[split], "size": 8, "color": color},
            customdata=list(zip(repeat(split), edges[:-1].tolist(), edges[1:].tolist(), counts.tolist())),
            hovertemplate=(
                f"{split}: %{{y:.1f}} %, %{{customdata[3]:,}} frames"
                "<br>between %{customdata[1]:.0f} and %{customdata[2]:.0f} % of white<extra></extra>"
            ),
        )
    return figure


def bin_edges(values: Mapping[Split, np.ndarray]) -> np.ndarray:
    """Return at most 25 integer bin edges with an integer step that cover all values."""
    joined = np.concatenate([*values.values()]) if values else np.zeros(1)
    low, high = np.floor(joined.min()), np.ceil(joined.max())
    step = max(1.0, np.ceil((high - low) / _BINS))
    return np.arange(low, max(high, low + 1) + step, step)


class _CityRow(NamedTuple):
    split: Split
    city: str
    frames: int
    low: float
    median: float
    high: float


def city_brightness(counted: Mapping[Split, SplitStatistics]) -> go.Figure:
    """Plot the brightness of each city's frames, darkest city first: interquartile bar with a mark at the median.

    Each bar's ``customdata`` begins with (split, city).
    """
    rows = []
    for split, statistics in counted.items():
        cities, levels = np.array(statistics.cities), percent_of_white(statistics.brightness)
        for city in dict.fromkeys(statistics.cities):
            own = levels[cities == city]
            rows.append(_CityRow(split, city, len(own), *map(float, np.percentile(own, [25, 50, 75]))))
    rows.sort(key=lambda row: row.median)
    # A city can be in two splits.
    names = [theme.plain(f"{row.city} ({row.split})") for row in rows]
    colors = [theme.SPLIT_COLORS[row.split] for row in rows]
    bars = go.Bar(
        base=[row.low for row in rows],
        # A minimum width keeps cities of equally bright frames clickable.
        x=[max(row.high - row.low, 0.2) for row in rows],
        y=names,
        orientation="h",
        marker={"color": colors, "opacity": 0.75},
        customdata=rows,
        hovertemplate=(
            "<b>%{y}</b>: %{customdata[2]:,} frames<br>median %{customdata[4]:.0f} %, "
            "half of the frames %{customdata[3]:.0f} to %{customdata[5]:.0f} %<extra></extra>"
        ),
    )
    medians = go.Scatter(
        x=[row.median for row in rows],
        y=names,
        mode="markers",
        marker={"size": 9, "color": colors, "line": {"color": "white", "width": 1.5}},
        marker_symbol=[theme.SPLIT_SYMBOLS[row.split] for row in rows],
        hoverinfo="skip",
    )
    return theme.figure(
        [bars, medians],
        height=len(names) * theme.ROW_PIXELS + 60,
        margin_t=0,
        showlegend=False,
        bargap=0.35,
        xaxis={"title": "Mean grey level (white is 100 %)", "ticksuffix": " %", "showgrid": True},
        yaxis=theme.class_axis(names),
    )
