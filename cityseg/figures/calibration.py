"""Charts of calibration: reliability and risk-coverage curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cityseg.figures import theme
from cityseg.metrics.calibration import Reliability, risk_coverage

_HEIGHT = 340


def reliability_curve(curve: Reliability, color: str = theme.BETTER) -> go.Figure:
    """Plot accuracy by confidence, for one class or all; the size of a mark shows the pixels of its bin."""
    bins = len(curve.share)
    filled = np.flatnonzero(np.nan_to_num(curve.share) > 0)
    points = go.Scatter(
        x=100 * curve.confidence[filled],
        y=100 * curve.accuracy[filled],
        mode="lines+markers",
        line={"color": color, "width": 2},
        marker={"color": color, "size": 7 + 22 * np.sqrt(curve.share[filled]), "line_width": 0},
        customdata=np.stack([100 * filled / bins, 100 * (filled + 1) / bins, 100 * curve.share[filled]], 1),
        hovertemplate=(
            "confidence %{customdata[0]:.0f} to %{customdata[1]:.0f} %: %{y:.1f} % of the pixels are correct"
            "<br>%{customdata[2]:.2g} % of all pixels<extra></extra>"
        ),
        showlegend=False,
        cliponaxis=False,
    )
    return theme.figure(
        [theme.guide([0, 100], [0, 100], 1, line_dash="dot"), points],
        height=_HEIGHT,
        xaxis={"title": "Confidence", "ticksuffix": " %", "range": [0, 102]},
        yaxis={"title": "Accuracy", "ticksuffix": " %", "range": [0, 103]},
        annotations=[_corner("underconfident", 0.03, 0.95, "left"), _corner("overconfident", 0.97, 0.07, "right")],
    )


def risk_curves(
    counts: Mapping[str, np.ndarray], colors: Mapping[str, str], rejection_threshold: int | None = None
) -> go.Figure:
    """Plot the share of wrong pixels among those kept (risk) by the share kept (coverage).

    Args:
        counts: by result, (19, 100, 3) counts of ``metrics.calibration``.
        colors: by result.
        rejection_threshold: confidence in per cent to mark, 0 to 99; pixels below it are rejected.
    """
    figure = theme.figure(
        height=_HEIGHT,
        showlegend=len(counts) > 1,
        margin_t=34 if len(counts) > 1 else 8,
        xaxis={"title": "Coverage: most confident pixels kept", "ticksuffix": " %", "range": [0, 102]},
        yaxis={"title": "Risk: wrong pixels among those kept", "ticksuffix": " %", "rangemode": "tozero"},
    )
    marks = []
    for name, counted in counts.items():
        threshold, coverage, risk = risk_coverage(counted)
        kept = coverage > 0
        figure.add_scatter(
            x=100 * coverage[kept],
            y=100 * risk[kept],
            name=theme.plain(name),
            mode="lines",
            line={"color": colors[name], "width": 2},
            customdata=100 * threshold[kept],
            hovertemplate=(
                "confidence from %{customdata:.0f} %: %{x:.0f} % of the pixels kept, %{y:.1f} % of these wrong"
                f"<extra>{theme.plain(name)}</extra>"
            ),
            cliponaxis=False,
        )
        if rejection_threshold is not None and kept[rejection_threshold]:
            marks.append(
                go.Scatter(
                    x=[100 * coverage[rejection_threshold]],
                    y=[100 * risk[rejection_threshold]],
                    mode="markers",
                    marker={"color": colors[name], "size": 13, "line": {"color": "white", "width": 2}},
                    hoverinfo="skip",
                    showlegend=False,
                    cliponaxis=False,
                )
            )
    return figure.add_traces(marks)


def _corner(text: str, x: float, y: float, anchor: str) -> dict[str, object]:
    place = {"xref": "paper", "yref": "paper", "x": x, "y": y, "xanchor": anchor, "showarrow": False}
    return {"text": text, "font": {"size": 12, "color": theme.NEUTRAL}, **place}
