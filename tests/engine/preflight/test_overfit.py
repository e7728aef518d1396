from __future__ import annotations

import math

import pytest
import torch

from cityseg.engine.preflight.overfit import OVERFIT_F1, check_overfit

CPU = torch.device("cpu")


@pytest.fixture
def blocks(cached_split):
    """Frames whose classes are coloured blocks, which a tiny network can learn."""
    split = cached_split(12, (16, 32), void=0.0)
    split.labels[:, :, :16], split.labels[:, :, 16:] = 0, 8
    split.photos[:] = 0
    split.photos[:, :, :16] = 200
    return split


def test_sound_config_overfits_and_ends_early(tiny, blocks):
    seen = []
    recipe = tiny(image_size=(16, 32), half_size_epochs=0, flip=True, scale_max=2.0, noise=0.2)
    check = check_overfit(recipe, blocks, CPU, steps=80, on_point=seen.append)
    assert check.outcome == "learnt"
    assert list(check.points) == seen
    assert check.points[-1].macro_f1 >= OVERFIT_F1 > check.points[0].macro_f1
    assert [point.step for point in seen] == list(range(1, len(seen) + 1))
    assert len(seen) < 80
    assert len(check.frames) == 8
    score = check.points[-1].macro_f1
    assert check.verdict == (f"The config overfits 8 frames: macro F1 {score:.3f} on them after {len(seen)} steps.")


def test_a_learning_rate_that_is_far_off_is_stuck(tiny, blocks):
    check = check_overfit(tiny(image_size=(16, 32), half_size_epochs=0, learning_rate=1e-7), blocks, CPU, steps=12)
    assert check.outcome == "stuck"
    assert check.verdict.startswith("The config cannot overfit 8 frames: loss ")
    assert check.verdict.endswith("expected 0.9. Its learning rate is far off, or something is broken.")


def test_a_falling_loss_is_learning_though_the_steps_were_too_few(tiny, blocks, monkeypatch):
    monkeypatch.setattr("cityseg.engine.preflight.overfit.OVERFIT_F1", 1.1)
    check = check_overfit(tiny(image_size=(16, 32), half_size_epochs=0), blocks, CPU, steps=60)
    assert check.outcome == "learning"
    assert check.verdict.startswith("The config learns, but 60 steps were too few to overfit 8 frames: loss ")


def test_non_finite_loss_ends_the_check(tiny, blocks, monkeypatch):
    losses = iter([1.0, math.nan])
    monkeypatch.setattr("cityseg.engine.step.TrainingSetup.step", lambda *_, **__: torch.tensor(next(losses)))
    check = check_overfit(tiny(image_size=(16, 32), half_size_epochs=0), blocks, CPU, steps=9)
    assert (check.outcome, len(check.points)) == ("diverged", 1)
    assert "not finite after 1 steps" in check.verdict


def test_smaller_splits_are_learnt_whole(tiny, cached_split):
    recipe = tiny(image_size=(16, 32), half_size_epochs=0, rare_frames=1, initial="nowhere", teacher="nowhere")
    check = check_overfit(recipe, cached_split(3), CPU, steps=2)
    assert len(check.frames) == 3
    assert "3 frames" in check.verdict
