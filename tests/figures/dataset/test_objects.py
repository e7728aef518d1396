from __future__ import annotations

import numpy as np
import pytest

from cityseg.data.prepared.objects import Objects
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.figures.dataset.objects import area_edges, object_sizes, objects_per_frame, size_histogram, size_order


@pytest.fixture
def counted():
    """Frame 0 holds cars of 1 to 40 pixels, frame 1 one car, frame 2 a road and a person."""
    area = np.array([*range(1, 41), 64, 900, 5], np.int32)
    train_id = np.array([13] * 41 + [0, 11], np.uint8)
    frame = np.array([0] * 40 + [1, 2, 2], np.int32)
    pixels = np.zeros((3, 19), np.int64)
    np.add.at(pixels, (frame, train_id), area)
    return SplitStatistics(
        ("a", "b", "c"),
        ("ulm",) * 3,
        (20, 50),
        pixels,
        np.zeros(3, int),
        np.zeros(3),
        np.zeros(3),
        np.zeros((20, 1, 1), int),
        Objects(frame, train_id, area),
    )


def test_classes_with_instances_come_first_by_increasing_size(counted):
    assert size_order(counted) == [11, 13, 0]


def test_bars_span_the_quartiles(counted):
    _, bars, medians, _ = object_sizes(counted, [11, 13, 0]).data
    low, middle, high = np.percentile([*range(1, 41), 64], [25, 50, 75]) / 1000
    assert list(bars.y) == ["person", "car", "road"]
    assert (bars.base[1], bars.base[1] + bars.x[1]) == (pytest.approx(low), pytest.approx(high))
    assert medians.x[1] == pytest.approx(middle)
    assert bars.x[0] > 0, "a class of equal objects is visible and clickable"
    assert list(bars.customdata[1]) == ["41", "1.1\u00a0% (11 px)", "2.1\u00a0% (21 px)", "3.1\u00a0% (31 px)"]


@pytest.mark.parametrize("largest", [1, 2, 3, 4, 1000, 1024, 32768])
def test_bin_edges_cover_every_area(largest):
    edges = area_edges(largest)
    assert edges[0] == 1
    assert edges[-2] <= largest < edges[-1]
    assert set(edges[1:] / edges[:-1]) == {2}


def test_a_histogram_counts_every_object_once(counted):
    (bars,) = size_histogram(counted, 13).data
    areas = [*range(1, 41), 64]
    expected = [sum(2**k <= area < 2 ** (k + 1) for area in areas) for k in range(7)]
    assert list(bars.y) == expected
    assert [data[1] for data in bars.customdata][:3] == ["1 px", "2 to 3 px", "4 to 7 px"]
    left = bars.x - bars.width / 2
    np.testing.assert_allclose(10**left, 2.0 ** np.arange(7) / 1000)


def test_frames_are_counted_by_their_number_of_objects(counted):
    (bars,) = objects_per_frame(counted, 13).data
    assert dict(zip(bars.x, bars.y, strict=True)) == {**{str(n): 0 for n in range(2, 12)}, "1": 1, "12+": 1}
