from __future__ import annotations

import numpy as np
import pytest

from cityseg.classes import COLOR_BLIND_PALETTE, PALETTE
from cityseg.figures.dataset.spatial_prior import class_prior, most_frequent_class, prior_image


@pytest.fixture
def prior():
    """Cars below, sky above, and a corner that is void in nine frames of ten."""
    shares = np.zeros((19, 2, 4))
    shares[10, 0], shares[13, 1] = 0.6, 0.3
    shares[2, 1] = 0.25
    shares[10, 1], shares[2, 0] = 0.2, 0.3
    shares[:, 1, 3] = 0
    shares[13, 1, 3] = 0.1
    return shares


def color_of(cells, value):
    """Colour of a value on a stepped scale."""
    place = value / cells.zmax
    return next(color for edge, color in reversed(cells.colorscale) if edge <= place)


def test_class_prior_is_in_per_cent_of_all_frames(prior):
    (cells,) = class_prior(prior, 13).data
    np.testing.assert_allclose(cells.z, 100 * prior[13])
    assert (cells.zmin, cells.zmax) == (0, pytest.approx(30))
    assert cells.colorscale[-1][1] == "rgb(0, 0, 142)"
    assert cells.customdata[1][0] == "30.0\u00a0%"
    assert list(cells.x) == [12.5, 37.5, 62.5, 87.5]
    assert list(cells.y) == [25, 75]


def test_most_frequent_class_leaves_void_empty(prior):
    (cells,) = most_frequent_class(prior, COLOR_BLIND_PALETTE).data
    expected = np.array([[10, 10, 10, 10], [13, 13, 13, -1]])
    for place in np.ndindex(expected.shape):
        value = cells.z[place]
        if expected[place] < 0:
            assert np.isnan(value)
        else:
            red, green, blue = COLOR_BLIND_PALETTE[expected[place]]
            assert color_of(cells, value) == f"rgba({red}, {green}, {blue}, 1)"
    assert cells.customdata[1][0] == "car: 30.0\u00a0%"


def test_prior_image_blends_from_page_to_class_colour(prior):
    picture = prior_image(prior, 13)
    assert picture.shape == (2, 4, 3)
    assert picture.dtype == np.uint8
    assert picture[1, 0].tolist() == PALETTE[13].tolist()
    assert (picture[0] == picture[0, 0]).all()
    assert picture[0].min() > 230
    absent = prior_image(prior, 16, dark=True)
    assert (absent == absent[0, 0]).all()
    assert absent.max() < 60
