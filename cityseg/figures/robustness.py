"""How much of a model's score other cameras leave."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cityseg.figures import theme

_ROW_PIXELS = 34


def robustness(
    names: Sequence[str],
    words: Sequence[str],
    values: Sequence[float],
    ends: Sequence[tuple[float, float] | None],
    plain: float,
    color: str,
) -> go.Figure:
    """Draw a bar per change, longest first, with its 95 % interval, and the score of unchanged frames as a line.

    Args:
        names: of the changes.
        words: what each does, shown on hover.
        values: macro F1 under each, 0 to 1.
        ends: of the intervals; None where too few frames decide.
        plain: macro F1 of the frames as they are.
        color: of the result, as CSS.
    """
    order = sorted(range(len(names)), key=lambda at: -values[at])
    rows = [names[at] for at in order]
    said = [
        f"{words[at]}<br>macro F1 {values[at]:.3f}, "
        + (
            f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}"
            if (interval := ends[at])
            else "too few frames for an interval"
        )
        for at in order
    ]
    above = [interval[1] - values[at] if (interval := ends[at]) else 0.0 for at in order]
    below = [values[at] - interval[0] if (interval := ends[at]) else 0.0 for at in order]
    bars = go.Bar(
        x=[values[at] for at in order],
        y=rows,
        orientation="h",
        marker={"color": color},
        error_x={
            "array": above,
            "arrayminus": below,
            "symmetric": False,
            "color": theme.NEUTRAL,
            "thickness": 2,
            "width": 4,
        },
        customdata=said,
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    figure = theme.figure(
        [bars],
        height=110 + _ROW_PIXELS * len(rows),
        showlegend=False,
        margin={"t": 28},
        bargap=0.35,
        xaxis={
            "title": {"text": "Macro F1"},
            "nticks": 8,
            "range": [0, min(1.0, 1.15 * max(plain, *values, *(end[1] for end in ends if end)))],
        },
        yaxis=theme.class_axis(rows),
    )
    figure.add_vline(
        x=plain,
        line={"dash": "dot", "color": theme.NEUTRAL},
        annotation={"text": f"as it is {plain:.3f}", "x": plain, "xanchor": "right", "yanchor": "bottom", "y": 1},
    )
    return figure
