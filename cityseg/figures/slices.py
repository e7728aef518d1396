"""Scores of parts of a split with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.errors.slices import SliceScore
from cityseg.figures import theme

_ROW_PIXELS = 52


def slice_intervals(scores: Sequence[SliceScore], whole: SliceScore, name: str, color: str) -> go.Figure:
    """Draw a dot per slice with its 95 % interval, open if it has none, and the whole split as a line.

    Args:
        scores: slices from top to bottom.
        whole: the whole split.
        name: of the score, for the axis.
    """
    names = [_two_lines(score) for score in scores]
    values = [score.value for score in scores]
    low = [score.low if score.is_sure else score.value for score in scores]
    high = [score.high if score.is_sure else score.value for score in scores]
    dots = go.Scatter(
        x=values,
        y=names,
        mode="markers",
        marker={"size": 11, "color": color, "line": {"width": 2, "color": color}},
        marker_symbol=["circle" if score.is_sure else "circle-open" for score in scores],
        error_x=theme.error_bars(values, low, high, color),
        customdata=[[score.label, f"95 % interval {score.interval}"] for score in scores],
        # The page marks a chosen slice elsewhere, so the others do not fade.
        unselected_marker_opacity=1,
        hovertemplate="%{y}<br>" + name + " %{x:.3f}<br>%{customdata[1]}<extra></extra>",
    )
    figure = theme.figure(
        [dots],
        height=110 + _ROW_PIXELS * len(scores),
        showlegend=False,
        margin_t=28,
        xaxis={"title": name, "nticks": 8, "range": _range([*scores, whole])},
        yaxis=theme.class_axis(names),
    )
    if not np.isnan(whole.value):
        # The label lies on the side with more room.
        side = "right" if whole.value > sum(figure.layout.xaxis.range) / 2 else "left"
        theme.add_reference(figure, whole.value, "whole split", side)
    return figure


def _two_lines(score: SliceScore) -> str:
    """Write a slice's name over its range and its frames, so that the names leave room on a phone."""
    name, _, extent = theme.plain(score.name).partition(" (")
    below = f"{extent.removesuffix(')')} · {score.frames:,} frames" if extent else f"{score.frames:,} frames"
    return f'{name}<br><span style="font-size:11px">{below}</span>'


def _range(scores: Sequence[SliceScore]) -> list[float]:
    """Return an axis around dots and bars; dots are read by their place, so it need not begin at 0."""
    ends = np.array([(score.value, score.low, score.high) for score in scores])
    ends = ends[~np.isnan(ends)]
    if not ends.size:
        return [0.0, 1.0]
    room = max(0.02, 0.08 * float(np.ptp(ends)))
    return [max(-room, float(ends.min()) - room), min(1 + room, float(ends.max()) + room)]
