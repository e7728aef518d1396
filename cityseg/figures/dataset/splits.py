"""Comparison of splits and cities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.dataset.splits import Ratios
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.data.layouts.detect import Split
from cityseg.figures import theme

_MOST, _LEAST = 16.0, 1 / 16
"""Limits of the ratio axis; marks beyond are clipped to them."""


def split_ratios(
    ratios: Mapping[Split, Ratios],
    reference: Split,
    order: Sequence[int],
    palette: np.ndarray = PALETTE,
    *,
    dark: bool = False,
) -> go.Figure:
    """Plot the ratio of each class's share to its share in a reference split, with 95 % intervals, on a log scale.

    Filled marks differ significantly from 1, hollow ones do not.

    Args:
        ratios: ratios by split.
        reference: the reference split.
        order: train ids from top to bottom.
        palette: (256, 3) uint8.
        dark: whether the page is dark.
    """
    names = [CLASS_NAMES[index] for index in order]
    traces: list[go.Scatter] = []
    for position, (split, each) in enumerate(ratios.items()):
        symbol = theme.SPLIT_SYMBOLS[split]
        legend = {"symbol": symbol, "size": 10, "color": theme.NEUTRAL}
        traces.append(go.Scatter(x=[None], y=[None], name=split, mode="markers", marker=legend, hoverinfo="skip"))
        shown = [row for row, index in enumerate(order) if np.isfinite(each.ratio[index])]
        train_ids = [order[row] for row in shown]
        # Vertical offsets keep the intervals of the splits apart.
        y = np.array(shown) + 0.36 * (position - (len(ratios) - 1) / 2)
        x = np.clip(each.ratio[train_ids], _LEAST, _MOST)
        low = np.clip(np.nan_to_num(each.low[train_ids], nan=1e9), _LEAST, x)
        high = np.clip(np.nan_to_num(each.high[train_ids], nan=0), x, _MOST)
        colors = [
            theme.class_color(index, palette=palette)
            if each.differs[index]
            # A hollow mark is a thin line, which needs enough contrast with the page.
            else f"rgb{theme.visible_color(index, palette, dark=dark)}"
            for index in train_ids
        ]
        traces.append(
            go.Scatter(
                x=[value for ends in zip(low, high, strict=True) for value in (*ends, None)],
                y=[value for row in y for value in (row, row, None)],
                mode="lines",
                line={"color": theme.NEUTRAL, "width": 1.5},
                hoverinfo="skip",
                showlegend=False,
            )
        )
        traces.append(
            go.Scatter(
                x=x,
                y=y,
                mode="markers",
                showlegend=False,
                marker={
                    "symbol": [f"{symbol}{'' if each.differs[index] else '-open'}" for index in train_ids],
                    "size": 10,
                    "color": colors,
                    "line": {"color": theme.NEUTRAL, "width": 1.5},
                },
                customdata=[
                    [split, CLASS_NAMES[index], *(times(part[index]) for part in (each.ratio, each.low, each.high))]
                    for index in train_ids
                ],
                hovertemplate=(
                    f"<b>%{{customdata[1]}}</b>: %{{customdata[2]}} the share of {reference} in {split}"
                    "<br>95 % interval %{customdata[3]} to %{customdata[4]}<extra></extra>"
                ),
            )
        )
    doublings = range(-4, 5)
    figure = theme.figure(
        traces,
        height=len(names) * (theme.ROW_PIXELS + 5) + 95,
        margin={"t": 37},
        xaxis={
            "type": "log",
            "title": {"text": f"Share compared with {reference} (log scale)"},
            "tickvals": [2.0**power for power in doublings],
            "ticktext": [f"×{2**power}" if power >= 0 else f"×1/{2**-power}" for power in doublings],
            "range": [np.log10(_LEAST) - 0.06, np.log10(_MOST) + 0.06],
        },
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": theme.class_ticks(order, palette, dark=dark),
            "range": [len(names) - 0.4, -0.6],
        },
    )
    return figure.add_vline(x=1, line={"color": theme.NEUTRAL, "width": 2})


def times(ratio: float) -> str:
    """Format a ratio as a multiple: ×0.25, ×1.1, ×12."""
    if not np.isfinite(ratio):
        return "–"
    return f"×{ratio:.2g}" if ratio < 10 else f"×{ratio:.0f}"


def city_frames(cities: Mapping[Split, Mapping[str, int]]) -> go.Figure:
    """Plot the number of frames of each city by split, largest city first.

    Each bar's ``customdata`` is (split, city).

    Args:
        cities: number of frames by split and city.
    """
    totals: Counter[str] = Counter()
    for frames in cities.values():
        totals.update(frames)
    names = sorted(totals, key=lambda city: (-totals[city], city))
    bars = [
        go.Bar(
            x=list(frames.values()),
            y=list(frames),
            orientation="h",
            name=split,
            marker={
                "color": theme.SPLIT_COLORS[split],
                "pattern": {
                    "shape": _PATTERNS[split],
                    "size": 6,
                    "fillmode": "overlay",
                    "fgcolor": "rgba(255, 255, 255, 0.7)",
                },
            },
            customdata=[[split, city] for city in frames],
            hovertemplate=f"%{{y}}: %{{x:,}} frames in {split}<extra></extra>",
        )
        for split, frames in cities.items()
    ]
    return theme.figure(
        bars,
        height=len(names) * theme.ROW_PIXELS + 95,
        margin={"t": 37},
        barmode="stack",
        bargap=0.3,
        legend={"traceorder": "normal"},
        xaxis={"title": {"text": "Frames"}, "tickformat": ",d", "showgrid": True},
        yaxis=theme.class_axis(names),
    )


_PATTERNS: dict[Split, str] = {"train": "", "val": "/", "test": "."}
"""Fill patterns, so that splits differ not only in colour."""


def city_classes(shares: Mapping[str, np.ndarray], overall: np.ndarray, order: Sequence[int]) -> go.Figure:
    """Plot a heat map of each class's share in each city relative to its overall share: green more, brown less.

    Args:
        shares: by city, (19,) shares of the labelled pixels.
        overall: (19,) shares in all cities together.
        order: train ids from left to right.
    """
    cities = list(shares)
    stacked = np.stack([shares[city][list(order)] for city in cities])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = stacked / overall[list(order)]
        doublings = np.where(ratio > 0, np.clip(np.log2(ratio), -3, 3), np.nan)
    cells = go.Heatmap(
        z=doublings,
        x=[CLASS_NAMES[index] for index in order],
        y=cities,
        colorscale=_DIVERGING,
        zmin=-3,
        zmax=3,
        xgap=1,
        ygap=1,
        customdata=[[f"{times(value)} the overall share of" if value > 0 else "no" for value in row] for row in ratio],
        hovertemplate="%{y}: %{customdata} %{x}<extra></extra>",
        colorbar={
            "title": {"text": "Relative to the overall share", "side": "top"},
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "tickvals": [-3, -2, -1, 0, 1, 2, 3],
            "ticktext": ["×⅛", "×¼", "×½", "×1", "×2", "×4", "×8"],
            "thickness": 12,
            "outlinewidth": 0,
        },
    )
    return theme.figure(
        [cells],
        height=len(cities) * 22 + 190,
        margin={"t": 0},
        xaxis={"side": "top", "tickangle": -90, "showgrid": False},
        yaxis=theme.class_axis(cities),
    )


_DIVERGING = [
    (0.0, "rgba(140,81,10,1)"),
    (0.3, "rgba(191,129,45,0.6)"),
    (0.5, "rgba(128,138,152,0.08)"),
    (0.7, "rgba(53,151,143,0.6)"),
    (1.0, "rgba(1,102,94,1)"),
]
