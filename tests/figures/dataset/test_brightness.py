from __future__ import annotations

import numpy as np
import pytest

from cityseg.data.prepared.objects import Objects
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.figures.dataset.brightness import bin_edges, city_brightness, histogram_by_split, percent_of_white


def test_histogram_counts_shares_of_its_own_split():
    random = np.random.default_rng(0)
    values = {"train": random.normal(35, 5, 500).clip(0, 100), "test": random.normal(25, 3, 60).clip(0, 100)}
    figure = histogram_by_split(values, "light")
    for curve in figure.data:
        assert sum(curve.y) == pytest.approx(100)
        for share, (split, low, high, count) in zip(curve.y, curve.customdata, strict=True):
            assert split == curve.name
            inside = ((values[split] >= low) & (values[split] < high)).sum()
            assert count == inside
            assert share == pytest.approx(100 * inside / len(values[split]))


@pytest.mark.parametrize("levels", [[0, 100], [40], [12.2, 12.9], [30, 34.4, 55.5]])
def test_edges_are_whole_per_cents_around_all_values(levels):
    edges = bin_edges({"train": np.array(levels, float)})
    assert edges[0] <= min(levels)
    assert max(levels) <= edges[-1]
    assert 2 <= len(edges) <= 26
    assert (edges == edges.round()).all()


def test_cities_are_listed_by_split_darkest_first():
    def part(cities, brightness):
        empty = Objects(np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.int32))
        count = len(cities)
        levels = np.array(brightness) * 2.55
        names = tuple(map(str, range(count)))
        zeros = np.zeros((count, 19), int)
        return SplitStatistics(
            names, tuple(cities), (8, 8), zeros, zeros[:, 0], levels, levels, np.zeros((20, 1, 1), int), empty
        )

    counted = {"val": part(["ulm", "ulm", "ulm"], [10, 20, 40]), "test": part(["bonn", "ulm"], [60, 15])}
    bars, middles = city_brightness(counted).data
    assert list(bars.y) == ["ulm (test)", "ulm (val)", "bonn (test)"]
    assert list(middles.x) == pytest.approx([15, 20, 60])
    assert (bars.base[1], bars.base[1] + bars.x[1]) == (pytest.approx(15), pytest.approx(30))
    assert list(bars.customdata[1][:3]) == ["val", "ulm", 3]


def test_white_is_100_per_cent():
    assert percent_of_white(np.array([0, 255])).tolist() == [0, pytest.approx(100)]
