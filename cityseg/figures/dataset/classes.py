"""Class frequencies, and helpers that the figures of a dataset share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, NUM_CLASSES, PALETTE
from cityseg.data.layouts.detect import Split
from cityseg.figures.theme import NEUTRAL, ROW_PIXELS, SPLIT_SYMBOLS, class_axis, class_color, figure

_PERCENT = "\u00a0%"
"""Per cent sign after a non-breaking space."""


def rarest_first(shares: Mapping[Split, np.ndarray]) -> list[int]:
    """Return the train ids by increasing mean share over the splits; absent classes come first.

    Args:
        shares: by split, (19,) share of each class; NaN if a split has no labelled pixel.
    """
    stacked = np.nan_to_num(np.stack([*shares.values()])) if shares else np.zeros((1, NUM_CLASSES))
    return [int(index) for index in np.argsort(stacked.mean(0), kind="stable")]


def imbalance(share: np.ndarray) -> tuple[float, int, int] | None:
    """Return the ratio of the largest to the smallest share, and both train ids; None with fewer than two classes.

    Args:
        share: (19,) shares; absent classes (0 or NaN) are ignored.
    """
    present = np.flatnonzero(np.nan_to_num(share) > 0)
    if len(present) < 2:
        return None
    largest, smallest = int(present[share[present].argmax()]), int(present[share[present].argmin()])
    return float(share[largest] / share[smallest]), largest, smallest


def percent(share: float) -> str:
    """Format a share in per cent, with two significant digits below 10: 0.0034 % and 32.9 %; a dash if absent."""
    if not np.isfinite(share) or share <= 0:
        return "–"
    value = share * 100
    digits = 1 if value >= 10 else max(1, 1 - int(np.floor(np.log10(value))))
    return f"{value:.{digits}f}{_PERCENT}"


def class_marker(train_ids: Sequence[int], palette: np.ndarray, width: float = 1) -> dict[str, Any]:
    """Return a marker style with the colours of classes and a grey outline."""
    colors = [class_color(index, palette=palette) for index in train_ids]
    return {"color": colors, "line": {"color": NEUTRAL, "width": width}}


def share_ticks(least: float) -> dict[str, Any]:
    """Return ticks in per cent at the powers of ten from ``log10(least)`` to 1."""
    powers = range(int(np.floor(least)), 1)
    texts = [f"{10.0 ** (power + 2):.{max(0, -power - 2)}f} %" for power in powers]
    return {"tickvals": [*powers], "ticktext": texts}


def share_axis(least: float, **settings: Any) -> dict[str, Any]:
    """Return a logarithmic axis of shares from ``least``, with ticks in per cent."""
    ticks = share_ticks(float(np.log10(least)))
    ticks["tickvals"] = [10.0**power for power in ticks["tickvals"]]
    return {"type": "log", "showgrid": True, **ticks, **settings}


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
        # The legend shows a split's symbol in grey, because colour encodes the class.
        legend = {"symbol": SPLIT_SYMBOLS[split], "size": 10, "color": NEUTRAL}
        traces.append(go.Scatter(x=[None], y=[None], name=split, mode="markers", marker=legend, hoverinfo="skip"))
        traces.append(
            go.Scatter(
                x=[float(share[index]) if share[index] > 0 else None for index in order],
                y=names,
                showlegend=False,
                mode="markers",
                marker={"symbol": SPLIT_SYMBOLS[split], "size": 11, **class_marker(order, palette, 1.5)},
                customdata=[percent(float(share[index])) for index in order],
                hovertemplate="%{y}: %{customdata} of " + split + "<extra></extra>",
            )
        )
    least = float(stacked[stacked > 0].min()) if (stacked > 0).any() else 1e-3
    title = {"text": "Share of the labelled pixels (log scale)"}
    return figure(
        traces,
        height=len(names) * ROW_PIXELS + 95,
        xaxis=share_axis(least, title=title, range=[float(np.log10(least)) - 0.25, 0]),
        yaxis=class_axis(names),
    )


def _spans(stacked: np.ndarray, order: Sequence[int], names: Sequence[str]) -> go.Scatter:
    """Connect the marks of each class by a thin line."""
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
    """Plot the number of frames of all splits that contain each class.

    Args:
        frequencies: by split, (19,) number of frames that contain the class.
        frames: by split, number of frames.
        order: train ids from top to bottom.
        palette: (256, 3) uint8.
    """
    names = [CLASS_NAMES[index] for index in order]
    total = np.sum([*frequencies.values()], axis=0)
    all_frames = sum(frames.values())
    by_split = [
        "<br>".join(f"{split}: {int(counts[index]):,} of {frames[split]:,}" for split, counts in frequencies.items())
        for index in order
    ]
    bars = go.Bar(
        x=[int(total[index]) for index in order],
        y=names,
        orientation="h",
        marker=class_marker(order, palette),
        text=[f"{int(total[index]):,}" for index in order],
        textposition="outside",
        cliponaxis=False,
        customdata=by_split,
        hovertemplate="<b>%{y}</b><br>%{customdata}<extra></extra>",
        showlegend=False,
    )
    return figure(
        [bars],
        height=len(names) * ROW_PIXELS + 95,
        margin={"t": 37},
        bargap=0.3,
        xaxis={
            "title": {"text": f"Frames that contain the class (of {all_frames:,})"},
            "range": [0, all_frames * 1.14],
            "tickformat": ",d",
            "showgrid": True,
        },
        yaxis=class_axis(names),
    )
