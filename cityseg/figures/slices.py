"""Scores of parts of a split with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.errors.slices import SliceScore
from cityseg.figures import theme

_ROW_PIXELS = 52


def slice_intervals(scores: Sequence[SliceScore], whole: SliceScore, name: str, color: str) -> go.Figure:
    """Draw a dot per slice with its 95 % interval, open if that is withheld, and the whole split as a line.

    Args:
        scores: slices, shown from top to bottom.
        whole: the whole split.
        name: of the score, for the axis.
        color: of the result, as CSS.
    """
    names = [_two_lines(score) for score in scores]
    values = np.array([score.score for score in scores])
    sure = np.array([score.is_sure for score in scores])
    above = np.where(sure, [score.high for score in scores] - values, 0)
    below = np.where(sure, values - [score.low for score in scores], 0)
    words = [f"95 % interval {score.interval}" for score in scores]
    dots = go.Scatter(
        x=values,
        y=names,
        mode="markers",
        marker={
            "size": 11,
            "color": color,
            "symbol": ["circle" if each else "circle-open" for each in sure],
            "line": {"width": 2, "color": color},
        },
        error_x={"array": above, "arrayminus": below, "symmetric": False, "color": color, "thickness": 2, "width": 5},
        customdata=[[score.label, text] for score, text in zip(scores, words, strict=True)],
        # A chosen slice is marked elsewhere; the others are as true as before.
        unselected={"marker": {"opacity": 1}},
        hovertemplate="%{y}<br>" + name + " %{x:.3f}<br>%{customdata[1]}<extra></extra>",
    )
    figure = theme.figure(
        [dots],
        height=110 + _ROW_PIXELS * len(scores),
        showlegend=False,
        margin={"t": 28},
        xaxis={"title": {"text": name}, "nticks": 8, "range": _range([*scores, whole])},
        yaxis=theme.class_axis(names),
    )
    if not np.isnan(whole.score):
        # Its words lie on the side with more room.
        side = "right" if whole.score > sum(figure.layout.xaxis.range) / 2 else "left"
        figure.add_vline(
            x=whole.score,
            line={"dash": "dot", "color": theme.NEUTRAL},
            annotation={
                "text": f"whole split {whole.score:.3f}",
                "x": whole.score,
                "xanchor": side,
                "yanchor": "bottom",
                "y": 1,
            },
        )
    return figure


def _two_lines(score: SliceScore) -> str:
    """Write a slice's name over its range and its frames, so that the names leave room on a phone."""
    name, _, extent = score.name.partition(" (")
    below = f"{extent.removesuffix(')')} · {score.frames:,} frames" if extent else f"{score.frames:,} frames"
    return f'{name}<br><span style="font-size:11px">{below}</span>'


def _range(scores: Sequence[SliceScore]) -> list[float]:
    """Return an axis around dots and bars; dots are read by their place, so it need not begin at 0."""
    ends = np.array([(score.score, score.low, score.high) for score in scores])
    ends = ends[~np.isnan(ends)]
    if not ends.size:
        return [0.0, 1.0]
    room = max(0.02, 0.08 * float(np.ptp(ends)))
    return [max(-room, float(ends.min()) - room), min(1 + room, float(ends.max()) + room)]
