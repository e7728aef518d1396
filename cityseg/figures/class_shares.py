"""Bar chart of the share of an image that each class covers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme


def class_shares(shares: Mapping[str, float], palette: np.ndarray = PALETTE) -> go.Figure:
    """Draw one bar per class in its colour, the first on top; ``shares`` are 0 to 1 by class name."""
    train_ids = [CLASS_NAMES.index(name) for name in shares]
    percents = [100 * share for share in shares.values()]
    bars = theme.class_bars(percents, [percent_text(share) for share in shares.values()], train_ids, palette)
    return theme.figure(
        [bars.update(hovertemplate="%{y}: %{text} of the image<extra></extra>")],
        height=24 + 24 * len(percents),
        margin={"l": 0, "r": 8, "t": 4, "b": 4},
        bargap=0.3,
        xaxis={"visible": False, "range": [0, 1.22 * max(percents, default=1.0)], "fixedrange": True},
        yaxis={"autorange": "reversed", "fixedrange": True, "showgrid": False, "ticklabelstandoff": 6},
        showlegend=False,
    )


def percent_text(share: float) -> str:
    """Write a share, 0 to 1, in per cent; a small positive share is "< 0.1 %" rather than 0."""
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
