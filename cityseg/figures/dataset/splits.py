"""Comparison of splits and cities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.dataset.splits import Ratios
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.data.dataset import Split
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
    """
    doublings = range(-4, 5)
    figure = theme.figure(
        height=len(order) * (theme.ROW_PIXELS + 5) + 95,
        margin_t=37,
        xaxis={"type": "log", "range": [np.log10(_LEAST) - 0.06, np.log10(_MOST) + 0.06]},
        xaxis_title=f"Share compared with {reference} (log scale)",
        xaxis_tickvals=[2.0**power for power in doublings],
        xaxis_ticktext=[f"×{2**power}" if power >= 0 else f"×1/{2**-power}" for power in doublings],
        yaxis={"tickvals": list(range(len(order))), "range": [len(order) - 0.4, -0.6]},
        yaxis_ticktext=theme.class_ticks(order, palette, dark=dark),
    )
    for position, (split, each) in enumerate(ratios.items()):
        symbol = theme.SPLIT_SYMBOLS[split]
        figure.add_trace(theme.legend_entry(split, symbol))
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
        ends = theme.segments(zip(low, high, strict=True)), theme.segments(zip(y, y, strict=True))
        figure.add_trace(theme.guide(*ends, 1.5))
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            showlegend=False,
            marker={"size": 10, "color": colors, "line": {"color": theme.NEUTRAL, "width": 1.5}},
            marker_symbol=[f"{symbol}{'' if each.differs[index] else '-open'}" for index in train_ids],
            customdata=[
                [split, CLASS_NAMES[index], *(times(part[index]) for part in (each.ratio, each.low, each.high))]
                for index in train_ids
            ],
            hovertemplate=(
                f"<b>%{{customdata[1]}}</b>: %{{customdata[2]}} the share of {reference} in {split}"
                "<br>95 % interval %{customdata[3]} to %{customdata[4]}<extra></extra>"
            ),
        )
    return figure.add_vline(x=1, line={"color": theme.NEUTRAL, "width": 2})


def times(ratio: float) -> str:
    """Format a ratio as a multiple: ×0.25, ×1.1, ×12."""
    if not np.isfinite(ratio):
        return "–"
    return f"×{ratio:.2g}" if ratio < 10 else f"×{ratio:.0f}"


def city_frames(cities: Mapping[Split, Mapping[str, int]]) -> go.Figure:
    """Plot the number of frames of each city by split, largest city first; ``customdata`` is (split, city)."""
    totals: Counter[str] = Counter()
    for frames in cities.values():
        totals.update(frames)
    names = sorted(totals, key=lambda city: (-totals[city], city))
    bars = [
        go.Bar(
            x=list(frames.values()),
            y=list(map(theme.plain, frames)),
            orientation="h",
            name=split,
            marker={"color": theme.SPLIT_COLORS[split], "pattern": theme.pattern(_PATTERNS[split])},
            customdata=[[split, city] for city in frames],
            hovertemplate=f"%{{y}}: %{{x:,}} frames in {split}<extra></extra>",
        )
        for split, frames in cities.items()
    ]
    return theme.figure(
        bars,
        height=len(names) * theme.ROW_PIXELS + 95,
        margin_t=37,
        barmode="stack",
        bargap=0.3,
        legend_traceorder="normal",
        xaxis={"title": "Frames", "tickformat": ",d", "showgrid": True},
        yaxis=theme.class_axis(list(map(theme.plain, names))),
    )


_PATTERNS: dict[Split, str] = {"train": "", "val": "/", "test": "."}


def city_classes(shares: Mapping[str, np.ndarray], overall: np.ndarray, order: Sequence[int]) -> go.Figure:
    """Plot a heat map of each class's share in each city relative to its overall share: green more, brown less.

    Args:
        shares: by city, (19,) shares of the labelled pixels.
        overall: (19,) shares in all cities together.
    """
    cities = list(shares)
    stacked = np.stack([shares[city][list(order)] for city in cities])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = stacked / overall[list(order)]
        doublings = np.where(ratio > 0, np.clip(np.log2(ratio), -3, 3), np.nan)
    cells = theme.heatmap(
        doublings,
        _DIVERGING,
        -3,
        3,
        x=[CLASS_NAMES[index] for index in order],
        y=list(map(theme.plain, cities)),
        showscale=True,
        customdata=[[f"{times(value)} the overall share of" if value > 0 else "no" for value in row] for row in ratio],
        hovertemplate="%{y}: %{customdata} %{x}<extra></extra>",
        colorbar={"orientation": "h", "y": -0.02, "yanchor": "top", "thickness": 12, "outlinewidth": 0},
        colorbar_title={"text": "Relative to the overall share", "side": "top"},
        colorbar_tickvals=[-3, -2, -1, 0, 1, 2, 3],
        colorbar_ticktext=["×⅛", "×¼", "×½", "×1", "×2", "×4", "×8"],
    )
    return theme.figure(
        [cells],
        height=len(cities) * 22 + 190,
        margin_t=0,
        xaxis={"side": "top", "tickangle": -90, "showgrid": False},
        yaxis=theme.class_axis(list(map(theme.plain, cities))),
    )


_DIVERGING = [
    (0.0, "rgba(140,81,10,1)"),
    (0.3, "rgba(191,129,45,0.6)"),
    (0.5, "rgba(128,138,152,0.08)"),
    (0.7, "rgba(53,151,143,0.6)"),
    (1.0, "rgba(1,102,94,1)"),
]
