"""Chart of the scores under image corruptions."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cityseg.figures import theme

_ROW_PIXELS = 34


def robustness(
    corruptions: Sequence[tuple[str, str, tuple[float, float | None, float | None]]], plain: float, color: str
) -> go.Figure:
    """Draw a bar per corruption, longest first, with its 95 % interval, and the uncorrupted score as a line.

    Args:
        corruptions: name, description (shown on hover), and macro F1 with the ends of its interval, 0 to 1, None with
            too few frames.
        plain: macro F1 of the uncorrupted frames.
        color: colour of the result, as CSS.
    """
    names, notes, values, lows, highs = [], [], [], [], []
    for name, words, (value, low, high) in sorted(corruptions, key=lambda each: -each[2][0]):
        interval = (
            "too few frames for an interval"
            if low is None or high is None
            else f"95 % interval {low:.3f} to {high:.3f}"
        )
        names.append(name)
        notes.append(f"{words}<br>macro F1 {value:.3f}, {interval}")
        values.append(value)
        lows.append(value if low is None else low)
        highs.append(value if high is None else high)
    bars = go.Bar(
        x=values,
        y=names,
        orientation="h",
        marker={"color": color},
        error_x={
            "array": [high - value for high, value in zip(highs, values, strict=True)],
            "arrayminus": [value - low for low, value in zip(lows, values, strict=True)],
            "symmetric": False,
            "color": theme.NEUTRAL,
            "thickness": 2,
            "width": 4,
        },
        customdata=notes,
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    figure = theme.figure(
        [bars],
        height=110 + _ROW_PIXELS * len(names),
        showlegend=False,
        margin={"t": 28},
        bargap=0.35,
        xaxis={"title": {"text": "Macro F1"}, "nticks": 8, "range": [0, min(1.0, 1.15 * max(plain, *values, *highs))]},
        yaxis=theme.class_axis(names),
    )
    figure.add_vline(
        x=plain,
        line={"dash": "dot", "color": theme.NEUTRAL},
        annotation={
            "text": f"uncorrupted {plain:.3f}",
            "x": plain,
            "xanchor": "right",
            "yanchor": "bottom",
            "y": 1,
        },
    )
    return figure
