"""Object sizes and object counts per frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, CLASSES, NUM_CLASSES, PALETTE
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.figures import theme
from cityseg.figures.dataset.classes import percent, share_axis, share_ticks
from cityseg.figures.theme import class_marker

_HEIGHT = 270
_AREA = "Area, share of the frame (log scale)"
_MANY = 12
"""Frames with at least this many objects of a class share one bar."""


def size_order(statistics: SplitStatistics) -> list[int]:
    """Return the train ids that have objects: classes with instances first, each group by increasing median area."""

    def rank(train_id: int) -> tuple[bool, float]:
        return not CLASSES[train_id].has_instances, float(np.median(statistics.objects.areas(train_id)))

    present = [index for index in range(NUM_CLASSES) if len(statistics.objects.areas(index))]
    return sorted(present, key=rank)


def object_sizes(statistics: SplitStatistics, order: Sequence[int], palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot the object areas of every class on a log scale: bar of the quartiles, line from 5 to 95 %, median mark.

    The bars are the second trace.

    Args:
        statistics: one split, or several joined.
        order: classes from top to bottom; each must have objects.
    """
    frame = statistics.size[0] * statistics.size[1]
    names = [CLASS_NAMES[index] for index in order]
    quantiles = np.array([np.percentile(statistics.objects.areas(index), [5, 25, 50, 75, 95]) for index in order])
    share = quantiles.reshape(-1, 5) / frame
    rows = [(name, name) for name in names for _ in range(2)]
    lines = theme.guide(theme.segments(share[:, [0, 1, 3, 4]].reshape(-1, 2)), theme.segments(rows))
    bars = go.Bar(
        base=share[:, 1],
        # A minimum width keeps classes of equally large objects clickable.
        x=np.maximum(share[:, 3] - share[:, 1], 0.06 * share[:, 1]),
        y=names,
        orientation="h",
        marker=class_marker(order, palette),
        customdata=[
            [
                f"{len(statistics.objects.areas(index)):,}",
                *(f"{percent(value / frame)} ({value:,.0f} px)" for value in row[1:4]),
            ]
            for index, row in zip(order, quantiles, strict=True)
        ],
        hovertemplate=(
            "<b>%{y}</b>: %{customdata[0]} objects<br>median area %{customdata[2]} of the frame"
            "<br>half of the objects %{customdata[1]} to %{customdata[3]}<extra></extra>"
        ),
    )
    medians = go.Scatter(
        x=share[:, 2],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns", "size": 17, "line": {"color": "white", "width": 5}},
        hoverinfo="skip",
    )
    inner = go.Scatter(medians).update(marker={"line": {"color": theme.INK[False], "width": 2}})
    least, most = (float(share.min()), float(share.max())) if len(share) else (1e-4, 1.0)
    limits = [float(np.log10(least)) - 0.1, min(0.0, float(np.log10(most)) + 0.1)]
    figure = theme.figure(
        [lines, bars, medians, inner],
        height=len(names) * theme.ROW_PIXELS + 95,
        showlegend=False,
        bargap=0.3,
        xaxis=share_axis(least, range=limits, title=_AREA),
        yaxis=theme.class_axis(names),
    )
    with_instances = sum(CLASSES[index].has_instances for index in order)
    if 0 < with_instances < len(order):
        figure.add_hline(y=with_instances - 0.5, line={"color": theme.NEUTRAL, "width": 1, "dash": "dot"})
    return figure


def size_histogram(statistics: SplitStatistics, train_id: int, palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot a histogram of the object areas of one class; each bin is twice as wide as the one before.

    Args:
        statistics: one split, or several joined.
        train_id: a class that has objects.
    """
    area, frame = statistics.objects.areas(train_id), statistics.size[0] * statistics.size[1]
    edges = area_edges(int(area.max()))
    counts, _ = np.histogram(area, edges)
    # On a log axis plotly would not centre the bars, so the axis is linear in the powers of ten.
    power = np.log10(edges / frame)
    bars = go.Bar(
        x=(power[:-1] + power[1:]) / 2,
        width=power[1:] - power[:-1],
        y=counts,
        marker=class_marker([train_id] * len(counts), palette),
        customdata=[
            [f"{int(count):,}", f"{low:,} px" if high == low + 1 else f"{low:,} to {high - 1:,} px"]
            for count, low, high in zip(counts, edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ],
        hovertemplate="%{customdata[0]} objects of %{customdata[1]}<extra></extra>",
    )
    return theme.figure(
        [bars],
        height=_HEIGHT,
        showlegend=False,
        xaxis={"range": [power[0] - 0.1, min(0.0, power[-1]) + 0.1], "title": _AREA, **share_ticks(float(power[0]))},
        yaxis={"title": f"Objects of {CLASS_NAMES[train_id]}", "tickformat": ",d"},
    )


def area_edges(largest: int) -> np.ndarray:
    """Return the bin edges 1, 2, 4, ... in pixels that cover all areas from 1 to ``largest``."""
    return 2 ** np.arange(int(largest).bit_length() + 1)


def objects_per_frame(statistics: SplitStatistics, train_id: int, palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot the number of frames by their number of objects of a class; frames without it are left out."""
    objects = np.bincount(statistics.objects.frame[statistics.objects.train_id == train_id])
    counts = np.bincount(np.minimum(objects[objects > 0], _MANY), minlength=_MANY + 1)[1:]
    bars = go.Bar(
        x=[*(str(number) for number in range(1, _MANY)), f"{_MANY}+"],
        y=counts,
        marker=class_marker([train_id] * len(counts), palette),
        hovertemplate="%{y:,} frames with %{x}<extra></extra>",
    )
    return theme.figure(
        [bars],
        height=_HEIGHT,
        showlegend=False,
        bargap=0.25,
        xaxis={"type": "category", "title": f"Objects of {CLASS_NAMES[train_id]} in one frame", "showgrid": False},
        yaxis={"title": "Frames", "tickformat": ",d"},
    )
