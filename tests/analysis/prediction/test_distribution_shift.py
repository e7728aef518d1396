"""Distribution shift of a photo, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import percentileofscore

from cityseg.analysis.prediction.distribution_shift import measure_shift, mix_distance
from cityseg.runs import SplitDetail


@pytest.fixture
def val() -> SplitDetail:
    random = np.random.default_rng(0)
    return SplitDetail(
        frames=tuple(f"frame {number}" for number in range(40)),
        boundary=np.zeros((40, 19, 3), np.int64),
        calibration=np.zeros((19, 100, 3), np.int64),
        light=np.column_stack([random.normal(90, 10, 40), random.normal(50, 5, 40)]).astype(np.float32),
        entropy=random.uniform(0.05, 0.2, 40).astype(np.float32),
        predicted=random.multinomial(1000, np.arange(1, 20) / 190, 40),
    )


def mean_mix(val: SplitDetail) -> np.ndarray:
    return val.predicted.sum(0) / val.predicted.sum()


def test_mix_distance_is_jensen_shannons():
    random = np.random.default_rng(1)
    mixes = random.dirichlet(np.ones(19), 5)
    mixes[0, :10] = 0
    mixes[0] /= mixes[0].sum()
    one = random.dirichlet(np.ones(19))
    wanted = [jensenshannon(mix, one, base=2) for mix in mixes]
    np.testing.assert_allclose(mix_distance(mixes, one), wanted, rtol=1e-9)
    assert mix_distance(one, one) == 0
    assert mix_distance(np.eye(19)[0], np.eye(19)[1]) == 1


def test_a_typical_photo_is_in_distribution(val):
    found = measure_shift(val, (90.0, 50.0), mean_mix(val), 0.12)
    assert found.in_distribution
    assert found.sentence == "Nothing measured about this photo is unusual among the 40 val frames."
    assert [trait.name for trait in found.traits] == ["brightness", "contrast", "class mix", "entropy"]
    bright = found.traits[0]
    assert bright.value == pytest.approx(90 / 2.55)
    assert bright.percentile == pytest.approx(percentileofscore(val.light[:, 0], 90, "mean"))
    assert (bright.low, bright.high) == pytest.approx(tuple(np.percentile(val.light[:, 0] / 2.55, (5, 95))))


def test_a_night_photo_is_not_in_distribution(val):
    found = measure_shift(val, (12.0, 50.0), mean_mix(val), 0.9)
    assert not found.in_distribution
    assert found.sentence == (
        "Compared with the 40 val frames, this photo is unusually dark and leaves the model unusually uncertain. "
        "It lies outside the range of all val frames: do not rely on the prediction."
    )


def test_a_slightly_unusual_photo_gets_milder_advice(val):
    value = float(np.sort(val.light[:, 0])[1]) + 1e-3
    assert measure_shift(val, (value, 50.0), mean_mix(val), 0.12).sentence == (
        "Compared with the 40 val frames, this photo is unusually dark. Check the prediction with care."
    )


def test_low_entropy_is_not_unmean_mix(val):
    assert measure_shift(val, (90.0, 50.0), mean_mix(val), 0.0).in_distribution
    (mix,) = [t for t in measure_shift(val, (90.0, 50.0), np.eye(19)[0], 0.1).traits if t.name == "class mix"]
    assert mix.verdict == "has an unusual mix of predicted classes"
