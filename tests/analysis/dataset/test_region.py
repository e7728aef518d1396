from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.dataset import region


def winding(point: np.ndarray, corners: np.ndarray) -> bool:
    """Whether a polygon without crossings winds around a point: the sum of its angles."""
    arms = corners - point
    turns = np.angle(np.roll(arms, -1, 0) @ (1, 1j) / (arms @ (1, 1j)))
    return abs(turns.sum()) > 3


def test_points_inside_a_star_are_those_it_winds_around():
    random = np.random.default_rng(0)
    angles = np.sort(random.uniform(0, 2 * np.pi, 15))
    radius = random.uniform(0.3, 1, 15)
    star = np.stack([radius * np.cos(angles), radius * np.sin(angles)], 1)
    points = random.uniform(-1, 1, (400, 2))
    expected = [winding(point, star) for point in points]
    assert 0 < sum(expected) < 400
    assert region.inside(points, [star]).tolist() == expected


def test_several_regions_are_joined():
    left, right = region.rectangle((-1, 0), (-1, 1)), region.rectangle((0.5, 1), (1, -1))
    points = np.array([[-0.5, 0], [0.2, 0], [0.7, 0.9]])
    assert region.inside(points, [left, right]).tolist() == [True, False, True]
    assert region.inside(points, []).tolist() == [False] * 3


def test_regions_survive_a_link():
    polygons = [region.rectangle((-0.25, 0.5), (0.125, 1)), np.array([[0, 0], [1, 0], [0.5, -0.999]])]
    text = region.to_text(polygons)
    for found, expected in zip(region.from_text(text), polygons, strict=True):
        np.testing.assert_allclose(found, expected, atol=5e-4)
    assert region.to_text(region.from_text(text)) == text


def test_long_outlines_are_thinned_out():
    angles = np.linspace(0, 2 * np.pi, 500)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    text = region.to_text([circle] * 9)
    assert len(text) < 1800
    (found, *others) = region.from_text(text)
    assert len(others) == 3
    assert region.inside(np.array([[0.9, 0.1], [0.95, 0.95]]), [found]).tolist() == [True, False]


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2,3,4,5", "a,b,c,d,e,f", "1,2,3,4,5,nan", ";;", "1,2,3,4,5,-", "1e9,1,1,1,1,1"]
)
def test_what_is_no_region_is_left_out(text):
    assert region.from_text(text) == []
