"""Single synthetic scenes."""

from __future__ import annotations

import numpy as np
import pytest

from cityseg import api
from cityseg.classes import LABELS
from cityseg.data.synthetic import render
from cityseg.errors import UsageError


def test_a_scene_has_its_ground_truth() -> None:
    found, scene = api.render_scene(4, (64, 128)), render(4, size=(64, 128))
    assert np.array_equal(found.photo, scene.photo)
    train_ids = {label.id: label.train_id for label in LABELS}
    expected = np.vectorize(train_ids.get)(scene.label_ids)
    assert np.array_equal(found.train_ids[expected < 19], expected[expected < 19])
    assert (found.train_ids[(expected >= 19) | (expected < 0)] == 255).all()


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="seed"):
        api.render_scene(-1)
