"""The rejection threshold on risk-coverage curves, and the traits of a photo among the val frames."""

from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.prediction.distribution_shift import DistributionShift, Trait
from cityseg.figures import theme
from cityseg.figures.calibration import risk_curves
from cityseg.figures.distribution_shift import trait_ranges


def test_the_mark_lies_at_the_threshold() -> None:
    counts = np.zeros((19, 100, 3), np.int64)
    counts[0, 30, :2], counts[3, 80, :2] = (400, 100), (600, 540)
    figure = risk_curves({"one": counts}, {"one": "#123456"}, 50)
    mark = figure.data[-1]
    assert (mark.x[0], mark.y[0]) == pytest.approx((60.0, 10.0))
    assert mark.marker.color == "#123456"
    assert len(risk_curves({"one": counts}, {"one": "#123456"}, 90).data) == len(figure.data) - 1


def test_bands_span_the_percentiles_and_outliers_are_orange() -> None:
    traits = (
        Trait("brightness", 12.0, 0.4, 30.0, 45.0, "is unusually dark"),
        Trait("entropy", 20.0, 50.0, 10.0, 25.0, ""),
    )
    bands, photo = trait_ranges(DistributionShift(250, traits, ""), "#123456").data
    assert (list(bands.base), list(bands.x)) == ([30.0, 10.0], [15.0, 15.0])
    assert list(photo.x) == [12.0, 20.0]
    assert list(photo.marker.color) == [theme.WORSE, "#123456"]
