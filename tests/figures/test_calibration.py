from __future__ import annotations

import numpy as np
import pytest

from cityseg.figures.calibration import reliability_curve, risk_curves
from cityseg.metrics.calibration import reliability


@pytest.fixture
def counts():
    """Two bins of one class: 300 pixels of 95 %, 100 of them wrong, and 100 of 25 %, all wrong."""
    found = np.zeros((19, 100, 3), np.int64)
    found[0, 95] = 300, 200, 300 * 0.95 * 2**20
    found[0, 25] = 100, 0, 100 * 0.25 * 2**20
    return found


def test_reliability_curve_is_in_per_cent_with_the_ideal(counts):
    ideal, points = reliability_curve(reliability(counts)).data
    assert list(ideal.x) == list(ideal.y) == [0, 100]
    np.testing.assert_allclose(points.x, [25, 95], rtol=1e-4)
    np.testing.assert_allclose(points.y, [0, 200 / 3])
    np.testing.assert_allclose(points.customdata, [[20, 30, 25], [90, 100, 75]])
    small, large = points.marker.size
    assert small < large


def test_risk_is_plotted_against_coverage(counts):
    (curve,) = risk_curves({"a": counts}, {"a": "#123456"}).data
    np.testing.assert_allclose(curve.x[[0, -1]], [100, 75])
    np.testing.assert_allclose(curve.y[[0, -1]], [50, 100 / 3])


def test_legend_names_several_results(counts):
    figure = risk_curves({"a": counts, "b": counts}, {"a": "#123456", "b": "#654321"})
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert figure.layout.showlegend
    assert not risk_curves({"a": counts}, {"a": "#123456"}).layout.showlegend


def test_risk_curves_mark_the_rejection_threshold() -> None:
    counts = np.zeros((19, 100, 3), np.int64)
    counts[0, 30, :2], counts[3, 80, :2] = (400, 100), (600, 540)
    figure = risk_curves({"one": counts}, {"one": "#123456"}, 50)
    mark = figure.data[-1]
    assert (mark.x[0], mark.y[0]) == pytest.approx((60.0, 10.0))
    assert mark.marker.color == "#123456"
    assert len(risk_curves({"one": counts}, {"one": "#123456"}, 90).data) == len(figure.data) - 1
