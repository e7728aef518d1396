"""Bar chart of the share of an image that each class covers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme


def class_shares(shares: Mapping[str, float], palette: np.ndarray = PALETTE) -> go.Figure:
    """Draw one bar per class in its colour, the first on top.

    Args:
        shares: 0 to 1 by class name.
        palette: (256, 3) uint8.
    """
    names, percents = list(shares), [100 * share for share in shares.values()]
    bars = go.Bar(
        x=percents,
        y=names,
        orientation="h",
        # Some official colours nearly vanish on a dark page; a thin outline keeps every bar visible.
        marker={
            "color": [theme.class_color(CLASS_NAMES.index(name), palette=palette) for name in names],
            "line": {"color": theme.NEUTRAL, "width": 1},
        },
        text=[percent_text(share) for share in shares.values()],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{text} of the image<extra></extra>",
    )
    return theme.figure(
        [bars],
        height=24 + 24 * len(names),
        margin={"l": 0, "r": 8, "t": 4, "b": 4},
        bargap=0.3,
        xaxis={"visible": False, "range": [0, 1.22 * max(percents, default=1.0)], "fixedrange": True},
        yaxis={"autorange": "reversed", "fixedrange": True, "showgrid": False, "ticklabelstandoff": 6},
        showlegend=False,
    )


def percent_text(share: float) -> str:
    """Write a share, 0 to 1, in per cent; a small positive share is "< 0.1 %" rather than 0."""
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
