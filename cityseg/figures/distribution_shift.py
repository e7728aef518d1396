"""Chart of a photo's traits among those of the val frames."""

from __future__ import annotations

import plotly.graph_objects as go

from cityseg.analysis.prediction.distribution_shift import DistributionShift
from cityseg.figures import theme

UNITS = {
    "brightness": "mean luma, 100 % is white",
    "contrast": "standard deviation of luma, as a share of white",
    "class mix": "distance from the mean class mix, 100 % has no class in common",
    "entropy": "mean over the pixels, 100 % is equal probability for all classes",
}
"""Meaning of each trait's value."""
_ROW_PIXELS = 44


def trait_ranges(shift: DistributionShift, color: str) -> go.Figure:
    """Draw the 5th to 95th val percentile of each trait as a band and the photo as a diamond, orange if outside."""
    names = [trait.name for trait in shift.traits]
    bands = go.Bar(
        y=names,
        x=[trait.high - trait.low for trait in shift.traits],
        base=[trait.low for trait in shift.traits],
        orientation="h",
        width=0.36,
        marker={"color": color, "opacity": 0.4, "line_width": 0},
        name="90 % of the val frames",
        customdata=[[trait.low, trait.high, UNITS[trait.name]] for trait in shift.traits],
        hovertemplate=(
            "%{y}: %{customdata[0]:.1f} to %{customdata[1]:.1f} % on 90 % of the val frames"
            "<br>%{customdata[2]}<extra></extra>"
        ),
    )
    photo = go.Scatter(
        y=names,
        x=[trait.value for trait in shift.traits],
        mode="markers",
        marker={"symbol": "diamond", "size": 13, "line": {"color": "white", "width": 1.5}},
        marker_color=[theme.WORSE if trait.verdict else color for trait in shift.traits],
        name="this photo",
        customdata=[[trait.percentile, UNITS[trait.name]] for trait in shift.traits],
        hovertemplate=(
            "%{y}: %{x:.1f} %, higher than on %{customdata[0]:.0f} % of the val frames"
            "<br>%{customdata[1]}<extra></extra>"
        ),
        cliponaxis=False,
    )
    top = max(max(trait.high, trait.value) for trait in shift.traits)
    return theme.figure(
        [bands, photo],
        height=80 + _ROW_PIXELS * len(names),
        margin_t=34,
        xaxis={"title": "Value", "ticksuffix": " %", "range": [0, min(102.0, 1.15 * top)]},
        yaxis={**theme.class_axis(names), "ticklabelstandoff": 6},
    )
