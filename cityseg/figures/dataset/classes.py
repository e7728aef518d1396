"""Class frequencies, and helpers that the figures of a dataset share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, NUM_CLASSES, PALETTE
from cityseg.data.dataset import Split
from cityseg.figures import theme

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
    """Plot the share of every class among the labelled pixels, (19,) by split, one mark per split, on a log scale."""
    names = [CLASS_NAMES[index] for index in order]
    stacked = np.stack([*shares.values()])
    # A thin line connects the marks of each class.
    present = {CLASS_NAMES[index]: stacked[stacked[:, index] > 0, index] for index in order}
    spans = {name: (float(found.min()), float(found.max())) for name, found in present.items() if found.size}
    x, y = theme.segments(spans.values()), theme.segments((name, name) for name in spans)
    least = float(stacked[stacked > 0].min()) if (stacked > 0).any() else 1e-3
    figure = theme.figure(
        [theme.guide(x, y, opacity=0.6)],
        height=len(names) * theme.ROW_PIXELS + 95,
        xaxis=share_axis(least, range=[float(np.log10(least)) - 0.25, 0]),
        xaxis_title="Share of the labelled pixels (log scale)",
        yaxis=theme.class_axis(names),
    )
    for split, share in shares.items():
        marker = {"symbol": theme.SPLIT_SYMBOLS[split], "size": 11, **theme.class_marker(order, palette, 1.5)}
        figure.add_trace(theme.legend_entry(split, theme.SPLIT_SYMBOLS[split]))
        figure.add_scatter(
            x=[float(share[index]) if share[index] > 0 else None for index in order],
            y=names,
            showlegend=False,
            mode="markers",
            marker=marker,
            customdata=[percent(float(share[index])) for index in order],
            hovertemplate="%{y}: %{customdata} of " + split + "<extra></extra>",
        )
    return figure


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
    """
    total = np.sum([*frequencies.values()], axis=0)[list(order)].tolist()
    all_frames = sum(frames.values())
    by_split = [
        "<br>".join(f"{split}: {int(counts[index]):,} of {frames[split]:,}" for split, counts in frequencies.items())
        for index in order
    ]
    bars = theme.class_bars(total, [f"{count:,}" for count in total], order, palette)
    bars.update(customdata=by_split, hovertemplate="<b>%{y}</b><br>%{customdata}<extra></extra>", showlegend=False)
    return theme.figure(
        [bars],
        height=len(total) * theme.ROW_PIXELS + 95,
        margin_t=37,
        bargap=0.3,
        xaxis={"range": [0, all_frames * 1.14], "tickformat": ",d", "showgrid": True},
        xaxis_title=f"Frames that contain the class (of {all_frames:,})",
        yaxis=theme.class_axis(bars.y),
    )
