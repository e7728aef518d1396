from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cityseg.data.prepared import objects, statistics
from cityseg.data.prepared.statistics import joined


@pytest.fixture
def split(cached_split, tmp_path):
    return dataclasses.replace(cached_split(frames=4, void=0.3), folder=tmp_path)


def flood_fill(train_ids):
    """(class, area) of every 8-connected region, pixel by pixel."""
    left = {(y, x) for y, x in np.ndindex(train_ids.shape) if train_ids[y, x] != 255}
    regions = []
    while left:
        start = left.pop()
        reached, area = [start], 0
        while reached:
            y, x = reached.pop()
            area += 1
            around = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            same = {place for place in around if train_ids[place] == train_ids[start]}
            left -= same
            reached += same
        regions.append((int(train_ids[start]), area))
    return sorted(regions)


def test_counts_equal_numpy(split):
    split.labels[2][split.labels[2] == 13] = 0
    counted = statistics.compute(split)
    assert (counted.frames, counted.cities, counted.size) == (split.meta.frames, split.meta.cities, split.size)
    for index, train_ids in enumerate(split.labels):
        assert counted.pixels[index].tolist() == [(train_ids == train_id).sum() for train_id in range(19)]
        assert counted.void[index] == (train_ids == 255).sum()
    assert counted.share.sum() == pytest.approx(1)
    assert counted.share[5] == pytest.approx((split.labels == 5).sum() / (split.labels != 255).sum())
    assert counted.void_share == pytest.approx((split.labels == 255).mean())
    assert counted.frequency[13] == 3
    assert counted.frequency[0] == 4


def test_brightness_and_contrast_are_mean_and_deviation_of_luma(split):
    counted = statistics.compute(split)
    luma = split.photos @ np.array([0.299, 0.587, 0.114])
    # Every pixel is rounded to a whole grey level, which all but cancels out over a frame.
    np.testing.assert_allclose(counted.brightness, luma.mean((1, 2)), atol=0.05)
    np.testing.assert_allclose(counted.contrast, luma.std((1, 2)), atol=0.05)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("band", [1_000_000, 100])
def test_objects_equal_a_flood_fill(monkeypatch, classes, band):
    monkeypatch.setattr(objects, "_BAND_PIXELS", band)
    random = np.random.default_rng(classes)
    train_ids = random.choice(np.array([*range(0, 19, 18 // (classes - 1)), 255], np.uint8), (24, 31))
    train_id, area = objects.find(train_ids)
    assert sorted(zip(train_id.tolist(), area.tolist(), strict=True)) == flood_fill(train_ids)


def test_regions_are_8_connected_and_void_separates():
    train_ids = np.array([[13, 255, 13], [255, 13, 255], [255, 255, 255], [13, 11, 11]], np.uint8)
    train_id, area = objects.find(train_ids)
    assert list(zip(train_id.tolist(), area.tolist(), strict=True)) == [(11, 2), (13, 3), (13, 1)]
    assert [len(part) for part in objects.find(np.full((3, 3), 255, np.uint8))] == [0, 0]


def test_objects_refer_to_their_frame(split):
    found = statistics.compute(split).objects
    for frame, train_ids in enumerate(split.labels):
        mine = found.frame == frame
        regions = sorted(zip(found.train_id[mine].tolist(), found.area[mine].tolist(), strict=True))
        assert regions == flood_fill(train_ids)
    assert found.counts[7] == len(found.areas(7)) == (found.train_id == 7).sum()


def test_cooccurrence_equals_a_count_of_frames(split):
    split.labels[1][split.labels[1] == 4] = 255
    split.labels[3][split.labels[3] == 9] = 4
    held = [set(np.unique(train_ids)) for train_ids in split.labels]
    expected = [[sum({a, b} <= classes for classes in held) for b in range(19)] for a in range(19)]
    assert statistics.compute(split).cooccurrence.tolist() == expected
    assert expected[4][9] == 2


@pytest.mark.parametrize("size", [(33, 70), (64, 128), (5, 9)])
def test_prior_equals_a_count_per_cell(cached_split, tmp_path, size):
    split = dataclasses.replace(cached_split(frames=3, size=size), folder=tmp_path)
    counted = statistics.compute(split)
    rows, columns = min(32, size[0]), min(64, size[1])
    expected = np.zeros((20, rows, columns), int)
    for train_ids in split.labels:
        for (y, x), train_id in np.ndenumerate(train_ids):
            expected[min(train_id, 19), y * rows // size[0], x * columns // size[1]] += 1
    np.testing.assert_array_equal(counted.cells, expected)
    np.testing.assert_allclose(counted.prior.sum(0), 1 - expected[19] / expected.sum(0))


def test_shares_are_computed_by_city(split):
    split = dataclasses.replace(split, meta=dataclasses.replace(split.meta, cities=("ulm", "bonn", "ulm", "bonn")))
    shares = statistics.compute(split).city_shares
    assert list(shares) == ["bonn", "ulm"]
    labels = split.labels[[0, 2]]
    assert shares["ulm"][6] == pytest.approx((labels == 6).sum() / (labels != 255).sum())


def test_joined_statistics_equal_one_count(split, cached_split, tmp_path):
    (tmp_path / "other").mkdir()
    other = dataclasses.replace(cached_split(frames=2, seed=8), folder=tmp_path / "other")
    first, second = statistics.compute(split), statistics.compute(other)
    both = joined([first, second])
    assert both.frames == (*first.frames, *second.frames)
    np.testing.assert_array_equal(both.frequency, first.frequency + second.frequency)
    np.testing.assert_array_equal(both.cells, first.cells + second.cells)
    last = both.objects.frame == 5
    assert sorted(both.objects.area[last]) == sorted(second.objects.area[second.objects.frame == 1])
    with pytest.raises(ValueError, match="expected statistics of one size"):
        joined([first, dataclasses.replace(second, size=(1, 1))])


def test_second_call_reads_stored_counts(split):
    assert not statistics.is_counted(split)
    calls = []
    first = statistics.compute(split, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (4, 4)
    assert statistics.is_counted(split)
    split.labels[:] = 255
    again = statistics.compute(split, lambda *_: pytest.fail("nothing is left to count"))
    np.testing.assert_array_equal(again.pixels, first.pixels)
    np.testing.assert_array_equal(again.objects.area, first.objects.area)
    assert [path.name for path in split.folder.iterdir()] == ["statistics.npz"]


def test_outdated_or_damaged_counts_are_recomputed(split):
    first = statistics.compute(split)
    stored = split.folder / "statistics.npz"
    whole = stored.read_bytes()
    np.savez(stored, pixels=np.zeros((4, 19)), void=np.zeros(4), brightness=np.zeros(4))
    assert not statistics.is_counted(split)
    np.testing.assert_array_equal(statistics.compute(split).pixels, first.pixels)
    stored.write_bytes(whole[: len(whole) // 2])
    assert not statistics.is_counted(split)
    np.testing.assert_array_equal(statistics.compute(split).pixels, first.pixels)
    assert statistics.is_counted(split)


def test_share_without_labelled_pixels_is_nan(split, recwarn):
    split.labels[:] = 255
    counted = statistics.compute(split)
    assert np.isnan(counted.share).all()
    assert not counted.frequency.any()
    assert not len(counted.objects)
    assert not counted.prior.any()
    assert counted.void_share == 1
    assert not recwarn
