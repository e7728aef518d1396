from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine import temperature
from cityseg.engine.temperature import fit_temperature

NONE = Normalization.named("none")


class FixedLogits(nn.Module):
    """A model with fixed logits per frame, which it looks up by the photo's first pixel."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits[(x[:, 0, 0, 0] * 255).round().long()]


@pytest.fixture
def frames_and_logits(cached_split):
    """20 frames whose labels are sampled from the softmax of random logits."""
    found = cached_split(frames=20, size=(12, 16), void=0.2)
    random = np.random.default_rng(3)
    logits = torch.from_numpy(random.normal(0, 2, (20, 19, 12, 16)).astype(np.float32))
    shares = logits.softmax(1).permute(0, 2, 3, 1).reshape(-1, 19).numpy()
    sampled = (shares.cumsum(1) < random.random((len(shares), 1))).sum(1).clip(0, 18).reshape(20, 12, 16)
    split = DeviceSplit(found, torch.device("cpu"))
    split.photos[:, 0, 0, 0] = torch.arange(20, dtype=torch.uint8)
    split.labels.copy_(torch.where(split.labels == 255, split.labels, torch.from_numpy(sampled).to(torch.uint8)))
    return split, logits


@pytest.mark.parametrize("sharper", [0.5, 1.0, 1.7])
def test_the_fitted_temperature_undoes_a_scaling_of_the_logits(frames_and_logits, monkeypatch, sharper):
    monkeypatch.setattr(temperature, "_STRIDE", 1)
    split, logits = frames_and_logits
    found = fit_temperature(FixedLogits(sharper * logits), split, NONE)

    def loss(heat: float) -> float:
        return float(nn.functional.cross_entropy(sharper * logits / heat, split.labels.long(), ignore_index=255))

    assert found == pytest.approx(minimize_scalar(loss, bounds=(0.2, 4), method="bounded").x, rel=0.005)
    assert found == pytest.approx(sharper, rel=0.1)


def test_the_subsampled_fit_is_close(frames_and_logits):
    split, logits = frames_and_logits
    assert fit_temperature(FixedLogits(1.5 * logits), split, NONE) == pytest.approx(1.5, rel=0.25)


def test_without_labels_the_temperature_is_one(frames_and_logits):
    split, logits = frames_and_logits
    split.labels.fill_(255)
    assert fit_temperature(FixedLogits(logits), split, NONE) == 1.0
