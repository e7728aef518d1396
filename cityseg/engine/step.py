"""One optimiser step as a plain function of tensors, and what it is built from."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from cityseg.config import ExperimentConfig
from cityseg.data.batches import DeviceSplit, Normalization, flip_some, generator
from cityseg.engine.precision import arithmetic

TrainStep = Callable[[Tensor, int, int], Tensor]
"""(indices of the batch, epoch, step within the epoch) -> detached scalar loss, still on the device."""


def build_optimizer(config: ExperimentConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Return the configured optimiser over all weights."""
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)


def learning_rate(config: ExperimentConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step.

    One-cycle climbs from a 25th of the peak and falls to a 10,000th of that, both along half a cosine
    (Smith and Topin, arXiv 1708.07120).

    Args:
        config: names the schedule and its peak.
        step: 0 to ``steps - 1``.
        steps: all steps of the run.
    """
    if config.schedule == "constant":
        return config.learning_rate
    peak, start = config.learning_rate, config.learning_rate / 25
    top = max(1.0, config.warmup_share * steps - 1)
    if step <= top:
        return _half_cosine(start, peak, step / top)
    return _half_cosine(peak, start / 1e4, (step - top) / max(1.0, steps - 1 - top))


def _half_cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def make_train_step(
    config: ExperimentConfig,
    model: nn.Module,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    split: DeviceSplit,
) -> TrainStep:
    """Return the step function of a run; it never waits for the device."""
    normalization = Normalization.named(config.normalization)
    dtype = torch.bfloat16 if config.precision == "pure-bfloat16" else torch.float32

    def step(indices: Tensor, epoch: int, position: int) -> Tensor:
        photos, labels = split.at(indices.to(split.device), half_size=epoch < config.half_size_epochs)
        x = normalization.apply(photos)
        if config.flip:
            x, labels = flip_some(x, labels, generator(config.seed, epoch, position))
        optimizer.zero_grad(set_to_none=True)
        with arithmetic(config.precision, split.device):
            value = loss(model(x.to(dtype)), labels)
            value.backward()
        optimizer.step()
        return value.detach()

    return step
