"""Chart of slice scores with their intervals."""

from __future__ import annotations

import numpy as np

from cityseg.analysis.errors.slices import SliceScore
from cityseg.figures.slices import slice_intervals


def test_slice_chart_shows_scores_intervals_and_names():
    sure = SliceScore(0.5, 0.45, 0.6, name="darkest third (3 to 9 % of white)", frames=80, pixels=1000)
    few = SliceScore(0.3, np.nan, np.nan, "not given: fewer than 10 frames", name="ulm", frames=4, pixels=50)
    whole = SliceScore(0.48, 0.44, 0.55, name="whole split", frames=84, pixels=1050)
    figure = slice_intervals([sure, few], whole, "mean IoU", "#123456")
    (dots,) = figure.data
    assert list(dots.x) == [0.5, 0.3]
    np.testing.assert_allclose(dots.error_x.array, [0.1, 0])
    np.testing.assert_allclose(dots.error_x.arrayminus, [0.05, 0])
    assert list(dots.marker.symbol) == ["circle", "circle-open"]
    assert "darkest third<br>" in dots.y[0]
    assert "3 to 9 % of white · 80 frames" in dots.y[0]
    assert "4 frames" in dots.y[1]
    assert list(dots.customdata[1]) == ["ulm", "95 % interval not given: fewer than 10 frames"]
    assert dots.customdata[0][0] == "darkest third"
    assert figure.layout.shapes[0].x0 == 0.48
    assert (figure.layout.annotations[0].text, figure.layout.annotations[0].xanchor) == ("whole split 0.480", "right")
    assert figure.layout.xaxis.title.text == "mean IoU"
    low, high = figure.layout.xaxis.range
    assert 0.25 < low < 0.3
    assert 0.6 < high < 0.65
    without = slice_intervals(
        [few], SliceScore(np.nan, np.nan, np.nan, name="whole split", frames=0, pixels=0), "mean IoU", "#123456"
    )
    assert not without.layout.shapes
    nothing = SliceScore(np.nan, np.nan, np.nan, name="none", frames=0, pixels=0)
    assert list(slice_intervals([nothing], nothing, "mean IoU", "#123456").layout.xaxis.range) == [0, 1]
