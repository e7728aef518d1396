"""A photo among the val frames: a row per trait, with the band that most frames lie in and the photo's own mark."""

from __future__ import annotations

import plotly.graph_objects as go

from cityseg.analysis.prediction.distribution_shift import Familiarity
from cityseg.figures import theme

UNITS = {
    "brightness": "mean luma, 100 % is white",
    "contrast": "spread of luma, as a share of white",
    "class mix": "distance from the usual mix of classes, 100 % is nothing in common",
    "entropy": "mean over the pixels, 100 % is a model that cannot tell at all",
}
"""What each trait's value means."""
_ROW_PIXELS = 44


def familiar(found: Familiarity, color: str) -> go.Figure:
    """Draw the 5th to 95th percentile of every trait as a band, and the photo as a diamond, orange where outside.

    Args:
        found: the photo's traits.
        color: of the band, the model's own.
    """
    names = [trait.name for trait in found.traits]
    bands = go.Bar(
        y=names,
        x=[trait.high - trait.low for trait in found.traits],
        base=[trait.low for trait in found.traits],
        orientation="h",
        width=0.36,
        marker={"color": color, "opacity": 0.4, "line": {"width": 0}},
        name="9 of 10 val frames",
        customdata=[[trait.low, trait.high, UNITS[trait.name]] for trait in found.traits],
        hovertemplate=(
            "%{y}: %{customdata[0]:.1f} to %{customdata[1]:.1f} % on 9 of 10 val frames"
            "<br>%{customdata[2]}<extra></extra>"
        ),
    )
    photo = go.Scatter(
        y=names,
        x=[trait.value for trait in found.traits],
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 13,
            "color": [theme.WORSE if trait.verdict else color for trait in found.traits],
            "line": {"color": "white", "width": 1.5},
        },
        name="this photo",
        customdata=[[trait.percentile, UNITS[trait.name]] for trait in found.traits],
        hovertemplate=(
            "%{y}: %{x:.1f} %, higher than on %{customdata[0]:.0f} % of the val frames"
            "<br>%{customdata[1]}<extra></extra>"
        ),
        cliponaxis=False,
    )
    top = max(max(trait.high, trait.value) for trait in found.traits)
    return theme.figure(
        [bands, photo],
        height=80 + _ROW_PIXELS * len(names),
        margin={"t": 34},
        xaxis={"title": {"text": "Value"}, "ticksuffix": " %", "range": [0, min(102.0, 1.15 * top)]},
        yaxis={**theme.class_axis(names), "ticklabelstandoff": 6},
    )
