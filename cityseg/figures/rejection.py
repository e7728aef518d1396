"""What refusing unsure pixels costs and gains: the risk at every coverage, with the chosen threshold marked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cityseg.figures.calibration import risk_curves
from cityseg.metrics.calibration import risk_coverage


def refusal(counts: Mapping[str, np.ndarray], colors: Mapping[str, str], least: int) -> go.Figure:
    """Plot ``risk_curves`` and mark where each result stands if it may refuse what it is less sure of than ``least``.

    Args:
        counts: by result, (19, 100, 3) as ``metrics.calibration`` counts them.
        colors: by result.
        least: confidence in per cent below which a pixel is refused, 0 to 99.
    """
    figure = risk_curves(counts, colors)
    for name, counted in counts.items():
        _, coverage, risk = risk_coverage(counted)
        if coverage[least] > 0:
            figure.add_scatter(
                x=[100 * coverage[least]],
                y=[100 * risk[least]],
                mode="markers",
                marker={"color": colors[name], "size": 13, "line": {"color": "white", "width": 2}},
                hoverinfo="skip",
                showlegend=False,
                cliponaxis=False,
            )
    return figure
