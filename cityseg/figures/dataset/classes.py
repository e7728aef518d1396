"""Figures about a dataset: how common each class is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, NUM_CLASSES, PALETTE
from cityseg.data.layouts.detect import Split
from cityseg.figures.theme import NEUTRAL, ROW_PIXELS, SPLIT_SYMBOLS, class_axis, class_color, figure

_PERCENT = "\u00a0%"
"""The sign with a space that never breaks a line."""


def rarest_first(shares: Mapping[Split, np.ndarray]) -> list[int]:
    """Return the train ids from the smallest mean share over the splits to the largest; absent classes lead.

    Args:
        shares: by split, (19,) share of each class; NaN where a split has no scored pixel.
    """
    stacked = np.nan_to_num(np.stack([*shares.values()])) if shares else np.zeros((1, NUM_CLASSES))
    return [int(index) for index in np.argsort(stacked.mean(0), kind="stable")]


def imbalance(share: np.ndarray) -> tuple[float, int, int] | None:
    """Return largest share over smallest, and both train ids; None with fewer than two classes present.

    Args:
        share: (19,) shares; absent classes (0 or NaN) are left out.
    """
    present = np.flatnonzero(np.nan_to_num(share) > 0)
    if len(present) < 2:
        return None
    largest, smallest = int(present[share[present].argmax()]), int(present[share[present].argmin()])
    return float(share[largest] / share[smallest]), largest, smallest


def percent(share: float) -> str:
    """Return a share in per cent with two significant digits below 10: 0.0034 % and 32.9 %; a dash where absent."""
    if not np.isfinite(share) or share <= 0:
        return "–"
    value = share * 100
    if value >= 10:
        return f"{value:.1f}{_PERCENT}"
    digits = max(1, 1 - int(np.floor(np.log10(value))))
    return f"{value:.{digits}f}{_PERCENT}"


def class_shares(shares: Mapping[Split, np.ndarray], order: Sequence[int], palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot the share of every class among the labelled pixels, one mark per split, on a log scale.

    Args:
        shares: by split, (19,) shares.
        order: train ids from top to bottom.
        palette: (256, 3) uint8.
    """
    names = [CLASS_NAMES[index] for index in order]
    stacked = np.stack([*shares.values()])
    traces: list[go.Scatter] = [_spans(stacked, order, names)]
    for split, share in shares.items():
        values = [float(share[index]) if share[index] > 0 else None for index in order]
        # The key shows a split's symbol in grey, since colour stands for the class.
        key = {"symbol": SPLIT_SYMBOLS[split], "size": 10, "color": NEUTRAL}
        traces.append(go.Scatter(x=[None], y=[None], name=split, mode="markers", marker=key, hoverinfo="skip"))
        traces.append(
            go.Scatter(
                x=values,
                y=names,
                showlegend=False,
                mode="markers",
                marker={
                    "symbol": SPLIT_SYMBOLS[split],
                    "size": 11,
                    "color": [class_color(index, palette=palette) for index in order],
                    "line": {"color": NEUTRAL, "width": 1.5},
                },
                customdata=[percent(float(share[index])) for index in order],
                hovertemplate="%{y}: %{customdata} of " + split + "<extra></extra>",
            )
        )
    least = np.nanmin(np.where(stacked > 0, stacked, np.nan)) if (stacked > 0).any() else 1e-3
    powers = range(int(np.floor(np.log10(least))), 1)
    return figure(
        traces,
        height=_height(len(names), 95),
        xaxis={
            "type": "log",
            "showgrid": True,
            "title": {"text": "Share of the labelled pixels (log scale)"},
            "tickvals": [10.0**power for power in powers],
            "ticktext": [_tick(power) for power in powers],
            "range": [float(np.log10(least)) - 0.25, 0],
        },
        yaxis=class_axis(names),
    )


def _spans(stacked: np.ndarray, order: Sequence[int], names: Sequence[str]) -> go.Scatter:
    """Join a class's marks by a thin line, so that the eye finds the ones that belong together."""
    x: list[float | None] = []
    y: list[str | None] = []
    for index, name in zip(order, names, strict=True):
        present = stacked[:, index][stacked[:, index] > 0]
        if present.size:
            x += [float(present.min()), float(present.max()), None]
            y += [name, name, None]
    return go.Scatter(
        x=x, y=y, mode="lines", line={"color": NEUTRAL, "width": 2}, hoverinfo="skip", showlegend=False, opacity=0.6
    )


def class_frequencies(
    frequencies: Mapping[Split, np.ndarray],
    frames: Mapping[Split, int],
    order: Sequence[int],
    palette: np.ndarray = PALETTE,
) -> go.Figure:
    """Plot in how many frames of all splits together each class occurs.

    Args:
        frequencies: by split, (19,) number of frames that hold the class.
        frames: by split, number of frames.
        order: train ids from top to bottom.
        palette: (256, 3) uint8.
    """
    names = [CLASS_NAMES[index] for index in order]
    total = np.sum([*frequencies.values()], axis=0)
    in_all = sum(frames.values())
    by_split = [
        "<br>".join(f"{split}: {int(counts[index]):,} of {frames[split]:,}" for split, counts in frequencies.items())
        for index in order
    ]
    bars = go.Bar(
        x=[int(total[index]) for index in order],
        y=names,
        orientation="h",
        marker={
            "color": [class_color(index, palette=palette) for index in order],
            "line": {"color": NEUTRAL, "width": 1},
        },
        text=[f"{int(total[index]):,}" for index in order],
        textposition="outside",
        cliponaxis=False,
        customdata=by_split,
        hovertemplate="<b>%{y}</b><br>%{customdata}<extra></extra>",
        showlegend=False,
    )
    return figure(
        [bars],
        height=_height(len(names), 95),
        margin={"t": 37},
        bargap=0.3,
        xaxis={
            "title": {"text": f"Frames that hold the class (of {in_all:,})"},
            "range": [0, in_all * 1.14],
            "tickformat": ",d",
            "showgrid": True,
        },
        yaxis=class_axis(names),
    )


def _height(rows: int, rest: int) -> int:
    return rows * ROW_PIXELS + rest


def _tick(power: int) -> str:
    return f"{10.0 ** (power + 2):g} %" if power >= -4 else f"{10.0 ** (power + 2):.{-power - 2}f} %"
