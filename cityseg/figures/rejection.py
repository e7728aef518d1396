"""Risk-coverage curves with a rejection threshold marked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cityseg.figures.calibration import risk_curves
from cityseg.metrics.calibration import risk_coverage


def rejection_curves(counts: Mapping[str, np.ndarray], colors: Mapping[str, str], threshold: int) -> go.Figure:
    """Plot ``risk_curves`` and mark the risk and coverage of each result at ``threshold``.

    Args:
        counts: by result, (19, 100, 3) counts of ``metrics.calibration``.
        colors: by result.
        threshold: confidence in per cent below which a pixel is rejected, 0 to 99.
    """
    figure = risk_curves(counts, colors)
    for name, counted in counts.items():
        _, coverage, risk = risk_coverage(counted)
        if coverage[threshold] > 0:
            figure.add_scatter(
                x=[100 * coverage[threshold]],
                y=[100 * risk[threshold]],
                mode="markers",
                marker={"color": colors[name], "size": 13, "line": {"color": "white", "width": 2}},
                hoverinfo="skip",
                showlegend=False,
                cliponaxis=False,
            )
    return figure
