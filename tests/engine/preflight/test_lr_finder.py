from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cityseg.engine.preflight import lr_finder
from cityseg.engine.preflight.lr_finder import HIGHEST, LOWEST, find_learning_rate, has_diverged, smooth, suggest
from cityseg.engine.pretrained import PretrainedInputs
from cityseg.engine.step import build_network

CPU = torch.device("cpu")
RATES = np.geomspace(LOWEST, HIGHEST, 61)


def test_the_suggestion_is_the_steepest_fall():
    # A slope down around 1e-3, then a steep rise.
    decades = np.log10(RATES)
    losses = 3 - 2 / (1 + np.exp(-4 * (decades + 3))) + 5 * np.maximum(0, decades + 1)
    assert suggest(RATES, smooth(losses)) == pytest.approx(1e-3, rel=0.15)


def test_a_steeper_fall_after_a_rise_is_luck():
    decades = np.log10(RATES)
    losses = 3 - 2 / (1 + np.exp(-4 * (decades + 3)))
    losses[50:55], losses[55:] = 3.0, 0.0
    assert suggest(RATES, losses) == pytest.approx(1e-3, rel=0.15)


@pytest.mark.parametrize("losses", [np.full(61, 2.0), np.linspace(2, 5, 61), np.linspace(2, 1.99, 61), [2.0, 1.0], []])
def test_no_suggestion_if_the_loss_never_falls(losses):
    assert suggest(RATES[: len(losses)], losses) is None


def test_smoothing_moves_nothing_and_keeps_levels():
    assert smooth([]) == []
    assert smooth([2.0] * 9) == pytest.approx([2.0] * 9)
    peak = smooth([0.0] * 10 + [1.0] + [0.0] * 10)
    assert int(np.argmax(peak)) == 10
    assert peak == pytest.approx(peak[::-1])


def test_one_bad_batch_is_no_divergence():
    calm = [1.0] * 10
    assert not has_diverged([*calm, 9.0])
    assert not has_diverged([*calm, 9.0, 1.0])
    assert has_diverged([*calm, 9.0, 9.0])
    assert not has_diverged([9.0])


def test_the_search_goes_up_in_equal_ratios_and_leaves_the_weights_of_others(tiny, cached_split):
    seen = []
    torch.manual_seed(5)
    search = find_learning_rate(tiny(), cached_split(6, (32, 64)), CPU, steps=20, on_point=seen.append)
    assert list(search.points) == seen
    rates = [point.learning_rate for point in search.points]
    assert rates[0] == pytest.approx(LOWEST)
    assert np.ptp(np.diff(np.log(rates))) < 1e-9
    assert len(search.smoothed) == len(rates)
    again = find_learning_rate(tiny(), cached_split(6, (32, 64)), CPU, steps=20)
    assert again == search, "the seed decides everything"


def test_search_starts_from_the_pretrained_weights(tiny, cached_split):
    config, frames = tiny(half_size_epochs=0), cached_split(4, tiny().image_size)
    silent = build_network(config, CPU).state_dict()
    for name in ("head.weight", "head.bias"):
        silent[name] = torch.zeros_like(silent[name])
    search = find_learning_rate(config, frames, CPU, pretrained=PretrainedInputs(weights=silent), steps=2)
    # All classes alike: a cross-entropy of ln 19, whatever the weights of the classes, and a Dice loss below 1.
    begun = find_learning_rate(config, frames, CPU, steps=2)
    assert search.points[0].loss != begun.points[0].loss
    assert math.log(19) < search.points[0].loss < math.log(19) + 1


def test_non_finite_loss_ends_the_search(tiny, cached_split, monkeypatch):
    losses = iter([3.0, 2.0, 1.0, 0.9, math.inf])
    monkeypatch.setattr(
        "cityseg.engine.preflight.lr_finder.TrainingSetup.step", lambda *_, **__: torch.tensor(next(losses))
    )
    search = find_learning_rate(tiny(), cached_split(6, (32, 64)), CPU)
    assert search.diverged
    assert [point.loss for point in search.points] == pytest.approx([3.0, 2.0, 1.0, 0.9])
    assert search.suggestion is not None
    assert search.verdict == (
        f"The loss falls fastest at a learning rate of {search.suggestion:.2g}; it diverges above "
        f"{search.points[-1].learning_rate:.2g}."
    )


def test_verdict_without_suggestion_names_remedies(tiny, cached_split, monkeypatch):
    monkeypatch.setattr("cityseg.engine.step.TrainingSetup.step", lambda *_, **__: torch.tensor(1.0))
    search = find_learning_rate(tiny(), cached_split(6, (32, 64)), CPU, steps=5)
    assert search.suggestion is None
    assert search.verdict == (
        f"The loss falls at no learning rate from {lr_finder.LOWEST:g} to {lr_finder.HIGHEST:g}: no suggestion. "
        "Run the 8-frame check on the config, or use a larger batch."
    )
