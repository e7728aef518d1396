"""The traits of a photo among those of the val frames."""

from __future__ import annotations

from cityseg.analysis.prediction.distribution_shift import DistributionShift, Trait
from cityseg.figures import theme
from cityseg.figures.distribution_shift import trait_ranges


def test_bands_span_the_percentiles_and_outliers_are_orange() -> None:
    traits = (
        Trait("brightness", 12.0, 0.4, 30.0, 45.0, "is unusually dark"),
        Trait("entropy", 20.0, 50.0, 10.0, 25.0, ""),
    )
    bands, photo = trait_ranges(DistributionShift(250, traits, ""), "#123456").data
    assert (list(bands.base), list(bands.x)) == ([30.0, 10.0], [15.0, 15.0])
    assert list(photo.x) == [12.0, 20.0]
    assert list(photo.marker.color) == [theme.WORSE, "#123456"]
