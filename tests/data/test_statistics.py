from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cityseg.data import statistics


@pytest.fixture
def split(cached_split, tmp_path):
    return dataclasses.replace(cached_split(frames=4, void=0.3), folder=tmp_path)


def test_counts_equal_numpy(split):
    split.labels[2][split.labels[2] == 13] = 0
    counted = statistics.compute(split)
    assert (counted.frames, counted.cities) == (split.meta.frames, split.meta.cities)
    for index, train_ids in enumerate(split.labels):
        assert counted.pixels[index].tolist() == [(train_ids == train_id).sum() for train_id in range(19)]
        assert counted.void[index] == (train_ids == 255).sum()
        assert counted.brightness[index] == pytest.approx(split.photos[index].astype(float).mean())
    assert counted.share.sum() == pytest.approx(1)
    assert counted.share[5] == pytest.approx((split.labels == 5).sum() / (split.labels != 255).sum())
    assert counted.frequency[13] == 3
    assert counted.frequency[0] == 4


def test_a_second_call_reads_the_first_ones_counts(split):
    first = statistics.compute(split)
    split.labels[:] = 255
    again = statistics.compute(split)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert [path.name for path in split.folder.iterdir()] == ["statistics.npz"]


def test_nothing_scored_has_no_share(split, recwarn):
    split.labels[:] = 255
    counted = statistics.compute(split)
    assert np.isnan(counted.share).all()
    assert not counted.frequency.any()
    assert not recwarn
