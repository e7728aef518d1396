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
    """
    names, notes, values, lows, highs = [], [], [], [], []
    for name, words, (value, low, high) in sorted(corruptions, key=lambda each: -each[2][0]):
        is_missing = low is None or high is None
        interval = "too few frames for an interval" if is_missing else f"95 % interval {low:.3f} to {high:.3f}"
        names.append(name)
        notes.append(f"{words}<br>macro F1 {value:.3f}, {interval}")
        values.append(value)
        lows.append(value if low is None else low)
        highs.append(value if high is None else high)
    bars = go.Bar(
        x=values,
        y=names,
        orientation="h",
        marker_color=color,
        error_x=theme.error_bars(values, lows, highs, theme.NEUTRAL, width=4),
        customdata=notes,
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    figure = theme.figure(
        [bars],
        height=110 + _ROW_PIXELS * len(names),
        showlegend=False,
        margin_t=28,
        bargap=0.35,
        xaxis={"title": "Macro F1", "nticks": 8, "range": [0, min(1.0, 1.15 * max(plain, *values, *highs))]},
        yaxis=theme.class_axis(names),
    )
    return theme.add_reference(figure, plain, "uncorrupted")
