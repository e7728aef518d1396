"""Figures of a candidate against a baseline: differences with intervals (forest plot) and contributions (waterfall)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.bootstrap import Estimate, Verdict
from cityseg.analysis.comparison.contributions import Contributions
from cityseg.analysis.tables import signed
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme

_STYLES: dict[Verdict | None, tuple[str, str, str]] = {
    "better": (verdicts.LABELS["better"], "circle", theme.BETTER),
    "worse": (verdicts.LABELS["worse"], "diamond", theme.WORSE),
    "can't tell": (verdicts.LABELS["can't tell"], "circle-open", theme.SAME),
    None: ("too few frames for an interval", "x-thin-open", theme.SAME),
}
"""Label, symbol and colour by verdict; None for a difference without an interval."""


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
        overall: estimates by the name to show.
        classes: estimates by class, from top to bottom.
        axis: title of the horizontal axis.
    """
    ids = [CLASS_NAMES.index(name) for name in classes]
    # A gap sets off the classes.
    rows = [*range(len(overall)), *(place + len(overall) + 0.5 for place in range(len(classes)))]
    labels = [*(f"<b>{name}</b>" for name in overall), *theme.class_ticks(ids, palette, dark=dark)]
    points: dict[Verdict | None, list[tuple[float, str, Estimate]]] = {verdict: [] for verdict in _STYLES}
    for row, (name, estimate) in zip(rows, [*overall.items(), *classes.items()], strict=True):
        if not np.isnan(estimate.difference):
            points[None if np.isnan(estimate.low) else estimate.verdict].append((row, name, estimate))
    return theme.figure(
        [_points(found, verdict) for verdict, found in points.items()],
        height=theme.ROW_PIXELS * (len(rows) + 1) + 90,
        xaxis={"title": axis, "tickformat": "+.2f"},
        xaxis_zeroline=True,
        xaxis_zerolinecolor=theme.NEUTRAL,
        xaxis_zerolinewidth=2,
        yaxis={"tickvals": rows, "ticktext": labels, "range": [rows[-1] + 0.7, -0.7], **theme.FIXED},
        margin={"t": 34, "r": 16},
    )


def _points(found: list[tuple[float, str, Estimate]], verdict: Verdict | None) -> go.Scatter:
    label, symbol, color = _STYLES[verdict]
    estimates = [estimate for _, _, estimate in found]
    x = [one.difference for one in estimates]
    intervals = theme.error_bars(x, [one.low for one in estimates], [one.high for one in estimates], color)
    return go.Scatter(
        x=x,
        y=[row for row, _, _ in found],
        name=label,
        mode="markers",
        showlegend=bool(found),
        marker={"symbol": symbol, "size": 10, "color": color, "line_width": 2},
        error_x=intervals if verdict else None,
        customdata=[
            [name, signed(one.difference), verdicts.interval(one), verdicts.reason(one) or " "]
            for _, name, one in found
        ],
        hovertemplate="<b>%{customdata[0]}</b>: %{customdata[1]}<br>95 % interval %{customdata[2]}"
        f"<br>{label}<br>%{{customdata[3]}}<extra></extra>",
    )


def waterfall(
    parts: Contributions, order: Sequence[int], names: tuple[str, str], colors: tuple[str, str], chosen: int, score: str
) -> go.Figure:
    """Draw the steps from the baseline's mean down to the candidate's, one per class; the classes can be clicked.

    Args:
        parts: both means and the contributions of the classes.
        order: classes from top to bottom.
        names: of baseline and candidate.
        colors: of the two.
        chosen: train id of the class that is outlined.
        score: name of the mean, for the axis.
    """
    steps = parts.classes[list(order)]
    ends = parts.start + np.cumsum(steps)
    places, last = list(range(1, len(order) + 1)), len(order) + 1
    levels = [parts.start, *ends]
    # The axis need not begin at 0, so that small steps between large means stay visible.
    span = max(max(levels) - min(levels), 0.01)
    low, high = max(0.0, min(levels) - 0.35 * span), max(levels) + 0.15 * span
    common = {"orientation": "h", "textposition": "outside", "cliponaxis": False}
    means = [
        go.Bar(
            y=[place],
            x=[value - low],
            base=low,
            marker_color=color,
            text=f"{value:.3f}",
            hovertemplate=f"{theme.plain(name)}: {value:.4f}<extra></extra>",
            **common,
        )
        for place, name, value, color in zip((0, last), names, (parts.start, parts.end), colors, strict=True)
    ]
    bars = go.Bar(
        y=places,
        x=steps,
        base=ends - steps,
        customdata=[
            [CLASS_NAMES[index], f"{step:+.4f}".replace("-", "−")] for index, step in zip(order, steps, strict=True)
        ],
        text=[signed(step) if round(step, 3) else "" for step in steps],
        marker_color=[theme.difference_color(step) for step in steps],
        marker_line={"color": theme.NEUTRAL, "width": [3 if index == chosen else 0 for index in order]},
        hovertemplate="%{customdata[0]}: %{customdata[1]} of the mean<extra></extra>",
        **common,
    )
    x, y = theme.segments(zip(levels, levels, strict=True)), theme.segments(pairwise(range(last + 1)))
    labels = [f"<b>{CLASS_NAMES[index]} ▸</b>" if index == chosen else CLASS_NAMES[index] for index in order]
    return theme.figure(
        [theme.guide(x, y, 1, line_dash="dot"), *means, bars],
        height=theme.ROW_PIXELS * (last + 1) + 60,
        showlegend=False,
        bargap=0.2,
        barmode="overlay",
        clickmode="event+select",
        xaxis={"title": score, "range": [low, high], "fixedrange": True},
        yaxis={"tickvals": [0, *places, last], "range": [last + 0.6, -0.6], **theme.FIXED},
        yaxis_ticktext=[f"<b>{theme.plain(names[0])}</b>", *labels, f"<b>{theme.plain(names[1])}</b>"],
    )
