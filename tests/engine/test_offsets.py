from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn

from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine import offsets
from cityseg.engine.offsets import LARGEST, best_offsets, fit_offsets

CLASSES = np.arange(19)


def macro_f1(logits: np.ndarray, labels: np.ndarray) -> float:
    present = np.unique(labels)
    return float(f1_score(labels, logits.argmax(1), labels=present, average="macro", zero_division=0))


@pytest.fixture
def pixels():
    """600 pixels whose true class has a somewhat larger logit, the rare classes a smaller one than they should."""
    random = np.random.default_rng(5)
    labels = random.choice(19, 600, p=(CLASSES[::-1] + 1) ** 2 / ((CLASSES + 1) ** 2).sum())
    logits = random.normal(0, 1, (600, 19)) + 2.0 * (labels[:, None] == CLASSES) - 0.08 * CLASSES
    return logits, labels


@pytest.mark.parametrize("train_id", [0, 7, 18])
def test_one_step_is_the_best_of_all_there_are(pixels, train_id):
    logits, labels = pixels
    step, score = offsets._best_step(logits, labels, train_id, 0.0)
    tried = np.linspace(-LARGEST, LARGEST, 4001)
    scores = [macro_f1(logits + (train_id == CLASSES) * value, labels) for value in tried[::40]]
    found = macro_f1(logits + (train_id == CLASSES) * step, labels)
    assert abs(step) <= LARGEST
    assert found >= max(scores) - 1e-12
    assert found >= macro_f1(logits, labels)
    assert found == pytest.approx(score, abs=1e-12)


def test_all_steps_together_raise_macro_f1_and_stay_in_bounds(pixels):
    logits, labels = pixels
    found = best_offsets(logits, labels)
    assert np.abs(found).max() <= LARGEST + 1e-9
    assert macro_f1(logits + found, labels) > macro_f1(logits, labels) + 0.03


def test_a_shift_of_the_logits_is_undone():
    """Where every pixel is clear, only the shift stands between the logits and a perfect score."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 19, 400)
    logits = 3.0 * (labels[:, None] == CLASSES) + random.normal(0, 0.1, (400, 19))
    logits[:, 4] -= 3.6
    assert macro_f1(logits, labels) < 0.97
    found = best_offsets(logits, labels)
    assert macro_f1(logits + found, labels) == 1.0


def test_where_nothing_is_gained_nothing_moves():
    labels = np.repeat(CLASSES, 5)
    logits = 5.0 * (labels[:, None] == CLASSES)
    assert best_offsets(logits, labels).tolist() == [0.0] * 19


class Given(nn.Module):
    """Logits of each frame that was made up, found by the photo's first pixel."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits[(x[:, 0, 0, 0] * 255).round().long()]


def test_the_pixels_asked_are_those_of_the_frames_and_never_void(cached_split):
    split = DeviceSplit(cached_split(frames=40, size=(12, 16), void=0.3), torch.device("cpu"))
    split.photos[:, 0, 0, 0] = torch.arange(40, dtype=torch.uint8)
    truth = split.labels.long().where(split.labels < 19, 3)
    # The logit of a pixel's own class tells its frame and place, which a mixed-up pixel would not match.
    perfect = nn.functional.one_hot(truth, 19).permute(0, 3, 1, 2).float()
    logits, labels = offsets._sample(Given(perfect), split, Normalization.named("none"))
    assert labels.max() < 19
    assert 40 * 192 * 0.6 < len(labels) < 40 * 192 * 0.8
    np.testing.assert_array_equal(logits.argmax(1), labels)
    assert fit_offsets(Given(perfect), split, Normalization.named("none")) == [0.0] * 19
