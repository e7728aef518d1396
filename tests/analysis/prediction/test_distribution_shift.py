from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import percentileofscore

from cityseg.analysis.prediction.distribution_shift import familiarity, mix_distance
from cityseg.runs import SplitDetail


@pytest.fixture
def known() -> SplitDetail:
    random = np.random.default_rng(0)
    return SplitDetail(
        frames=tuple(f"frame {number}" for number in range(40)),
        boundary=np.zeros((40, 19, 3), np.int64),
        calibration=np.zeros((19, 100, 3), np.int64),
        light=np.column_stack([random.normal(90, 10, 40), random.normal(50, 5, 40)]).astype(np.float32),
        entropy=random.uniform(0.05, 0.2, 40).astype(np.float32),
        predicted=random.multinomial(1000, np.arange(1, 20) / 190, 40),
    )


def usual(known: SplitDetail) -> np.ndarray:
    return known.predicted.sum(0) / known.predicted.sum()


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


def test_a_photo_in_the_middle_is_familiar(known):
    found = familiarity(known, (90.0, 50.0), usual(known), 0.12)
    assert found.is_familiar
    assert found.sentence == "Nothing about this photo is unusual among the 40 val frames."
    assert [trait.name for trait in found.traits] == ["brightness", "contrast", "class mix", "entropy"]
    bright = found.traits[0]
    assert bright.value == pytest.approx(90 / 2.55)
    assert bright.percentile == pytest.approx(percentileofscore(known.light[:, 0], 90, "mean"))
    assert (bright.low, bright.high) == pytest.approx(tuple(np.percentile(known.light[:, 0] / 2.55, (5, 95))))


def test_a_night_photo_is_not(known):
    found = familiarity(known, (12.0, 50.0), usual(known), 0.9)
    assert not found.is_familiar
    assert found.sentence == (
        "Against the 40 val frames this photo is unusually dark and leaves the model unusually unsure. "
        "It lies outside all that the model was chosen on: do not rely on the map."
    )


def test_a_little_unusual_asks_for_care_only(known):
    value = float(np.sort(known.light[:, 0])[1]) + 1e-3
    assert familiarity(known, (value, 50.0), usual(known), 0.12).sentence == (
        "Against the 40 val frames this photo is unusually dark. Look at the map with care."
    )


def test_few_classes_and_little_doubt_are_no_fault(known):
    assert familiarity(known, (90.0, 50.0), usual(known), 0.0).is_familiar
    (mix,) = [t for t in familiarity(known, (90.0, 50.0), np.eye(19)[0], 0.1).traits if t.name == "class mix"]
    assert mix.verdict == "shows the model an unusual mix of classes"
