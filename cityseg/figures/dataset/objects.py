"""How large objects are, and how many a frame holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, CLASSES, NUM_CLASSES, PALETTE
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.figures import theme
from cityseg.figures.dataset.classes import percent

_HEIGHT = 270
_MANY = 12
"""Frames with at least so many objects of a class share one bar."""


def size_order(statistics: SplitStatistics) -> list[int]:
    """Return the train ids that have objects: classes that can be counted first, each group from small to large."""

    def rank(train_id: int) -> tuple[bool, float]:
        return not CLASSES[train_id].has_instances, float(np.median(statistics.objects.areas(train_id)))

    present = [index for index in range(NUM_CLASSES) if len(statistics.objects.areas(index))]
    return sorted(present, key=rank)


def object_sizes(statistics: SplitStatistics, order: Sequence[int], palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot the spread of object areas of every class on a log scale: bar from quarter to quarter, line from 5 to 95 %.

    The bars are the second trace.

    Args:
        statistics: one split, or several joined.
        order: train ids from top to bottom; each must have objects.
        palette: (256, 3) uint8.
    """
    frame = statistics.size[0] * statistics.size[1]
    names = [CLASS_NAMES[index] for index in order]
    spread = np.array([np.percentile(statistics.objects.areas(index), [5, 25, 50, 75, 95]) for index in order])
    share = spread.reshape(-1, 5) / frame
    line_x = [value for row in share for value in (row[0], row[1], None, row[3], row[4], None)]
    line_y = [value for name in names for value in (name, name, None) * 2]
    lines = go.Scatter(x=line_x, y=line_y, mode="lines", line={"color": theme.NEUTRAL, "width": 2}, hoverinfo="skip")
    bars = go.Bar(
        base=share[:, 1],
        # A class of equal objects still shows a sliver that can be clicked.
        x=np.maximum(share[:, 3] - share[:, 1], 0.06 * share[:, 1]),
        y=names,
        orientation="h",
        marker={
            "color": [theme.class_color(index, palette=palette) for index in order],
            "line": {"color": theme.NEUTRAL, "width": 1},
        },
        customdata=[
            [
                f"{len(statistics.objects.areas(index)):,}",
                *(f"{percent(value / frame)} ({value:,.0f} px)" for value in row[1:4]),
            ]
            for index, row in zip(order, spread, strict=True)
        ],
        hovertemplate=(
            "<b>%{y}</b>: %{customdata[0]} objects<br>the usual one covers %{customdata[2]} of the frame"
            "<br>half of them %{customdata[1]} to %{customdata[3]}<extra></extra>"
        ),
    )
    medians = go.Scatter(
        x=share[:, 2],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns", "size": 17, "line": {"color": "white", "width": 5}},
        hoverinfo="skip",
    )
    inner = go.Scatter(medians).update(marker={"line": {"color": "#172033", "width": 2}})
    least, most = (share.min(), share.max()) if len(share) else (1e-4, 1.0)
    figure = theme.figure(
        [lines, bars, medians, inner],
        height=len(names) * theme.ROW_PIXELS + 95,
        showlegend=False,
        bargap=0.3,
        xaxis={
            **_share_axis(float(least), float(most)),
            "title": {"text": "Area, share of the frame (log scale)"},
        },
        yaxis=theme.class_axis(names),
    )
    countable = sum(CLASSES[index].has_instances for index in order)
    if 0 < countable < len(order):
        figure.add_hline(y=countable - 0.5, line={"color": theme.NEUTRAL, "width": 1, "dash": "dot"})
    return figure


def size_histogram(statistics: SplitStatistics, train_id: int, palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot how many objects of one class have which area; every bar covers areas twice as large as the one before.

    Args:
        statistics: one split, or several joined.
        train_id: a class that has objects.
        palette: (256, 3) uint8.
    """
    area, frame = statistics.objects.areas(train_id), statistics.size[0] * statistics.size[1]
    edges = area_edges(int(area.max()))
    counts, _ = np.histogram(area, edges)
    # Bars of a log axis would have their middle where their right half begins; a plain axis of powers has not.
    power = np.log10(edges / frame)
    bars = go.Bar(
        x=(power[:-1] + power[1:]) / 2,
        width=power[1:] - power[:-1],
        y=counts,
        marker={
            "color": theme.class_color(train_id, palette=palette),
            "line": {"color": theme.NEUTRAL, "width": 1},
        },
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
        xaxis={
            "tickvals": [*_powers(power[0])],
            "ticktext": [_power_text(each) for each in _powers(power[0])],
            "range": [power[0] - 0.1, min(0.0, power[-1]) + 0.1],
            "title": {"text": "Area, share of the frame (log scale)"},
        },
        yaxis={"title": {"text": f"Objects of {CLASS_NAMES[train_id]}"}, "tickformat": ",d"},
    )


def area_edges(largest: int) -> np.ndarray:
    """Return the powers of two, in pixels, between which all areas from 1 to ``largest`` lie: 1, 2, 4, ..."""
    return 2 ** np.arange(int(largest).bit_length() + 1)


def objects_per_frame(statistics: SplitStatistics, train_id: int, palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot in how many frames a class has one object, two objects and so on; frames without it are left out.

    Args:
        statistics: one split, or several joined.
        train_id: which class.
        palette: (256, 3) uint8.
    """
    held = np.bincount(statistics.objects.frame[statistics.objects.train_id == train_id])
    counts = np.bincount(np.minimum(held[held > 0], _MANY), minlength=_MANY + 1)[1:]
    numbers = [*(str(number) for number in range(1, _MANY)), f"{_MANY}+"]
    bars = go.Bar(
        x=numbers,
        y=counts,
        marker={
            "color": theme.class_color(train_id, palette=palette),
            "line": {"color": theme.NEUTRAL, "width": 1},
        },
        hovertemplate="%{y:,} frames hold %{x}<extra></extra>",
    )
    return theme.figure(
        [bars],
        height=_HEIGHT,
        showlegend=False,
        bargap=0.25,
        xaxis={
            "type": "category",
            "title": {"text": f"Objects of {CLASS_NAMES[train_id]} in one frame"},
            "showgrid": False,
        },
        yaxis={"title": {"text": "Frames"}, "tickformat": ",d"},
    )


def _share_axis(least: float, most: float) -> dict[str, object]:
    powers = _powers(np.log10(least))
    return {
        "type": "log",
        "tickvals": [10.0**power for power in powers],
        "ticktext": [_power_text(power) for power in powers],
        "range": [float(np.log10(least)) - 0.1, min(0.0, float(np.log10(most)) + 0.1)],
        "showgrid": True,
    }


def _powers(least: float) -> range:
    return range(int(np.floor(least)), 1)


def _power_text(power: int) -> str:
    return f"{10.0 ** (power + 2):.{max(0, -power - 2)}f} %"
