"""What confidence is worth: reliability, and what is left where the unsure pixels are refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cityseg.figures import theme
from cityseg.metrics.calibration import Reliability, risk_coverage

_HEIGHT = 340


def reliability_curve(found: Reliability, color: str = theme.BETTER) -> go.Figure:
    """Plot how often a model is right by how sure it is; size of a mark: pixels of the bin.

    Args:
        found: of one class or of all.
        color: of the model.
    """
    bins = len(found.share)
    filled = np.flatnonzero(np.nan_to_num(found.share) > 0)
    edges = np.arange(bins + 1) / bins
    points = go.Scatter(
        x=100 * found.confidence[filled],
        y=100 * found.accuracy[filled],
        mode="lines+markers",
        line={"color": color, "width": 2},
        marker={"color": color, "size": 7 + 22 * np.sqrt(found.share[filled]), "line": {"width": 0}},
        customdata=[[100 * edges[place], 100 * edges[place + 1], 100 * found.share[place]] for place in filled],
        hovertemplate=(
            "between %{customdata[0]:.0f} and %{customdata[1]:.0f} % sure: right on %{y:.1f} % of the pixels"
            "<br>%{customdata[2]:.2g} % of all pixels<extra></extra>"
        ),
        showlegend=False,
        cliponaxis=False,
    )
    ideal = go.Scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": theme.NEUTRAL, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    return theme.figure(
        [ideal, points],
        height=_HEIGHT,
        xaxis={"title": {"text": "Confidence of the model"}, "ticksuffix": " %", "range": [0, 102]},
        yaxis={"title": {"text": "Pixels that are right"}, "ticksuffix": " %", "range": [0, 103]},
        annotations=[
            _corner("says too little", 0.03, 0.95, "left"),
            _corner("says too much", 0.97, 0.07, "right"),
        ],
    )


def risk_curves(counts: Mapping[str, np.ndarray], colors: Mapping[str, str]) -> go.Figure:
    """Plot the share of wrong pixels among those that are kept, by how many are kept.

    Args:
        counts: by result, (19, 100, 3) as ``metrics.calibration`` counts them.
        colors: by result.
    """
    traces = []
    for name, counted in counts.items():
        least, coverage, risk = risk_coverage(counted)
        kept = coverage > 0
        traces.append(
            go.Scatter(
                x=100 * coverage[kept],
                y=100 * risk[kept],
                name=name,
                mode="lines",
                line={"color": colors[name], "width": 2},
                customdata=100 * least[kept],
                hovertemplate=(
                    "at least %{customdata:.0f} % sure: %{x:.0f} % of the pixels are kept, %{y:.1f} % of these wrong"
                    f"<extra>{name}</extra>"
                ),
                cliponaxis=False,
            )
        )
    return theme.figure(
        traces,
        height=_HEIGHT,
        showlegend=len(traces) > 1,
        margin={"t": 34 if len(traces) > 1 else 8},
        xaxis={"title": {"text": "Pixels kept, the surest"}, "ticksuffix": " %", "range": [0, 102]},
        yaxis={"title": {"text": "Wrong among the kept"}, "ticksuffix": " %", "rangemode": "tozero"},
    )


def _corner(words: str, x: float, y: float, anchor: str) -> dict[str, object]:
    return {
        "text": words,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": anchor,
        "showarrow": False,
        "font": {"size": 12, "color": theme.NEUTRAL},
    }
