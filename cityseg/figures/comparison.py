"""Figures of one result against a baseline: differences with their intervals, and the bridge between two means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.bootstrap import Estimate, Verdict
from cityseg.analysis.comparison.contributions import Bridge
from cityseg.analysis.tables import signed
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme

_MARKS: dict[Verdict, str] = {"better": "circle", "worse": "diamond", "can't tell": "circle-open"}
_COLORS: dict[Verdict, str] = {"better": theme.BETTER, "worse": theme.WORSE, "can't tell": theme.SAME}


def forest(
    overall: Mapping[str, Estimate],
    classes: Mapping[str, Estimate],
    axis: str,
    palette: np.ndarray = PALETTE,
    *,
    dark: bool = False,
) -> go.Figure:
    """Draw every difference as a point with its 95 % interval, the scores of the whole split on top.

    Args:
        overall: estimates by name, as the axis is to show it.
        classes: estimates by class, from top to bottom.
        axis: title of the horizontal axis.
        palette: (256, 3) uint8.
        dark: whether the page around it is dark.
    """
    ids = [CLASS_NAMES.index(name) for name in classes]
    # The classes stand a little apart from what sums them up.
    rows = [*range(len(overall)), *(place + len(overall) + 0.5 for place in range(len(classes)))]
    labels = [*(f"<b>{name}</b>" for name in overall), *theme.class_ticks(ids, palette, dark=dark)]
    everything = list(zip(rows, [*overall, *classes], [*overall.values(), *classes.values()], strict=True))
    traces = [
        _points([row for row in everything if row[2].verdict == verdict and not np.isnan(row[2].low)], verdict)
        for verdict in _MARKS
    ]
    traces.append(
        _points([row for row in everything if not np.isnan(row[2].difference) and np.isnan(row[2].low)], None)
    )
    return theme.figure(
        traces,
        height=theme.ROW_PIXELS * (len(everything) + 1) + 90,
        xaxis={
            "title": {"text": axis},
            "zeroline": True,
            "zerolinecolor": theme.NEUTRAL,
            "zerolinewidth": 2,
            "tickformat": "+.2f",
        },
        yaxis={
            "tickvals": rows,
            "ticktext": labels,
            "range": [rows[-1] + 0.7, -0.7],
            "showgrid": False,
            "fixedrange": True,
        },
        margin={"t": 34, "r": 16},
    )


def _points(rows: list[tuple[float, str, Estimate]], verdict: Verdict | None) -> go.Scatter:
    """Draw estimates with one verdict, each with its interval; None for those without one."""
    color = _COLORS[verdict or "can't tell"]
    intervals = {
        "type": "data",
        "symmetric": False,
        "array": [one.high - one.difference for _, _, one in rows],
        "arrayminus": [one.difference - one.low for _, _, one in rows],
        "color": color,
        "thickness": 2,
        "width": 5,
    }
    words = verdict or "too few frames for an interval"
    symbol = _MARKS[verdict] if verdict else "x-thin-open"
    return go.Scatter(
        x=[one.difference for _, _, one in rows],
        y=[row for row, _, _ in rows],
        name=words,
        mode="markers",
        showlegend=bool(rows),
        marker={
            "symbol": symbol,
            "size": 10,
            "color": color,
            "line": {"width": 2},
        },
        error_x=intervals if verdict else None,
        customdata=[
            [name, signed(one.difference), verdicts.interval(one), verdicts.reason(one) or " "] for _, name, one in rows
        ],
        hovertemplate="<b>%{customdata[0]}</b>: %{customdata[1]}<br>95 % interval %{customdata[2]}"
        f"<br>{words}<br>%{{customdata[3]}}<extra></extra>",
    )


def waterfall(
    bridge: Bridge, order: Sequence[int], names: tuple[str, str], colors: tuple[str, str], chosen: int, score: str
) -> go.Figure:
    """Draw the way from one mean down to the other as steps, one per class; the classes are what can be clicked.

    Args:
        bridge: start, end and the classes' contributions.
        order: train ids from top to bottom.
        names: the baseline's and the other's.
        colors: of the two.
        chosen: train id of the class that is outlined.
        score: name of the mean, for the axis.
    """
    steps = bridge.classes[list(order)]
    ends = bridge.start + np.cumsum(steps)
    places = list(range(1, len(order) + 1))
    last = len(order) + 1
    levels = [bridge.start, *ends]
    low, high = _range(levels)
    totals = [
        go.Bar(
            y=[place],
            x=[value - low],
            base=low,
            orientation="h",
            marker={"color": color},
            text=f"{value:.3f}",
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{name}: {value:.4f}<extra></extra>",
        )
        for place, name, value, color in zip((0, last), names, (bridge.start, bridge.end), colors, strict=True)
    ]
    bars = go.Bar(
        y=places,
        x=steps,
        base=ends - steps,
        orientation="h",
        customdata=[
            [CLASS_NAMES[index], f"{step:+.4f}".replace("-", "−")] for index, step in zip(order, steps, strict=True)
        ],
        text=[signed(step) if round(step, 3) else "" for step in steps],
        textposition="outside",
        cliponaxis=False,
        marker={
            "color": [theme.difference_color(step) for step in steps],
            "line": {"color": theme.NEUTRAL, "width": [3 if index == chosen else 0 for index in order]},
        },
        hovertemplate="%{customdata[0]}: %{customdata[1]} of the mean<extra></extra>",
    )
    path = go.Scatter(
        y=[part for place in range(last) for part in (place, place + 1, None)],
        x=[part for level in levels for part in (level, level, None)],
        mode="lines",
        line={"color": theme.NEUTRAL, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
    labels = [f"<b>{CLASS_NAMES[index]} ▸</b>" if index == chosen else CLASS_NAMES[index] for index in order]
    return theme.figure(
        [path, *totals, bars],
        height=theme.ROW_PIXELS * (last + 1) + 60,
        showlegend=False,
        bargap=0.2,
        barmode="overlay",
        clickmode="event+select",
        xaxis={"title": {"text": score}, "range": [low, high], "fixedrange": True},
        yaxis={
            "tickvals": [0, *places, last],
            "ticktext": [f"<b>{names[0]}</b>", *labels, f"<b>{names[1]}</b>"],
            "range": [last + 0.6, -0.6],
            "showgrid": False,
            "fixedrange": True,
        },
    )


def _range(levels: Sequence[float]) -> list[float]:
    """Return an axis on which small steps between large means can still be seen: it need not begin at 0."""
    low, high = min(levels), max(levels)
    span = max(high - low, 0.01)
    return [max(0.0, low - 0.35 * span), high + 0.15 * span]
