"""How bright and how contrasty photos are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from cityseg.data.layouts.detect import Split
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.figures import theme

_BINS = 24
_HEIGHT = 300


def in_percent(levels: np.ndarray) -> np.ndarray:
    """Return grey levels, 0 to 255, in per cent of white."""
    return np.asarray(levels) / 2.55


def light_histogram(values: Mapping[Split, np.ndarray], title: str) -> go.Figure:
    """Plot how a figure of light is spread over the frames of every split, as shares of the split.

    Each point's ``customdata`` is (split, lower edge, upper edge, frames) of its bin.

    Args:
        values: by split, (N,) per cent of white.
        title: of the horizontal axis.
    """
    edges = light_edges(values)
    traces = []
    for split, levels in values.items():
        counts, _ = np.histogram(levels, edges)
        traces.append(
            go.Scatter(
                x=(edges[:-1] + edges[1:]) / 2,
                y=100 * counts / max(1, len(levels)),
                name=split,
                mode="lines+markers",
                line={"color": theme.SPLIT_COLORS[split], "dash": theme.SPLIT_DASHES[split], "width": 2},
                marker={"symbol": theme.SPLIT_SYMBOLS[split], "size": 8, "color": theme.SPLIT_COLORS[split]},
                customdata=[
                    [split, float(low), float(high), int(count)]
                    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
                ],
                hovertemplate=(
                    f"{split}: %{{y:.1f}} %, %{{customdata[3]:,}} frames"
                    "<br>between %{customdata[1]:.0f} and %{customdata[2]:.0f} % of white<extra></extra>"
                ),
            )
        )
    return theme.figure(
        traces,
        height=_HEIGHT,
        margin={"t": 34},
        xaxis={"title": {"text": title}, "ticksuffix": " %", "range": [float(edges[0]), float(edges[-1])]},
        yaxis={"title": {"text": "Share of the split's frames"}, "ticksuffix": " %", "rangemode": "tozero"},
    )


def light_edges(values: Mapping[Split, np.ndarray]) -> np.ndarray:
    """Return at most 25 bin edges on whole per cents, a whole number of them apart, that hold all values."""
    together = np.concatenate([*values.values()]) if values else np.zeros(1)
    low, high = np.floor(together.min()), np.ceil(together.max())
    step = max(1.0, np.ceil((high - low) / _BINS))
    return np.arange(low, max(high, low + 1) + step, step)


def city_brightness(counted: Mapping[Split, SplitStatistics]) -> go.Figure:
    """Plot the brightness of each city's frames, darkest city on top: bar from quarter to quarter, mark at the middle.

    Each bar's ``customdata`` begins with (split, city).

    Args:
        counted: statistics by split.
    """
    rows = sorted(_city_rows(counted), key=lambda row: row.middle)
    # One city can lie in two splits.
    names = [f"{row.city} ({row.split})" for row in rows]
    colors = [theme.SPLIT_COLORS[row.split] for row in rows]
    bars = go.Bar(
        base=[row.low for row in rows],
        # Frames of equal brightness still show a sliver that can be clicked.
        x=[max(row.high - row.low, 0.2) for row in rows],
        y=names,
        orientation="h",
        marker={"color": colors, "opacity": 0.75},
        customdata=rows,
        hovertemplate=(
            "<b>%{y}</b>: %{customdata[2]:,} frames<br>the usual one has %{customdata[4]:.0f} %, "
            "half of them %{customdata[3]:.0f} to %{customdata[5]:.0f} %<extra></extra>"
        ),
    )
    middles = go.Scatter(
        x=[row.middle for row in rows],
        y=names,
        mode="markers",
        marker={
            "symbol": [theme.SPLIT_SYMBOLS[row.split] for row in rows],
            "size": 9,
            "color": colors,
            "line": {"color": "white", "width": 1.5},
        },
        hoverinfo="skip",
    )
    return theme.figure(
        [bars, middles],
        height=len(names) * theme.ROW_PIXELS + 60,
        margin={"t": 0},
        showlegend=False,
        bargap=0.35,
        xaxis={"title": {"text": "Mean grey level (white is 100 %)"}, "ticksuffix": " %", "showgrid": True},
        yaxis=theme.class_axis(names),
    )


class _CityRow(NamedTuple):
    split: Split
    city: str
    frames: int
    low: float
    middle: float
    high: float


def _city_rows(counted: Mapping[Split, SplitStatistics]) -> Iterator[_CityRow]:
    for split, statistics in counted.items():
        cities = np.array(statistics.cities)
        for city in dict.fromkeys(statistics.cities):
            levels = in_percent(statistics.brightness[cities == city])
            low, middle, high = (float(level) for level in np.percentile(levels, [25, 50, 75]))
            yield _CityRow(split, city, len(levels), low, middle, high)
