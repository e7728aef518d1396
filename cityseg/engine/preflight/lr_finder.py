"""The learning-rate finder (LR range test): a short training whose learning rate rises until the loss diverges.

Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cityseg.config import ExperimentConfig
from cityseg.data.batches import DeviceSplit
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.pretrained import NO_PRETRAINED, PretrainedInputs
from cityseg.engine.runtime.allocator import keep_freed_memory
from cityseg.engine.step import TrainingSetup

FINDER_STEPS = 60
LOWEST, HIGHEST = 1e-5, 1.0
_DIVERGED = 2.0
"""The search ends when the loss is this many times its minimum."""
_SIGMA = 2.5
"""Standard deviation of the smoothing, in steps."""
_RISE = 0.05
"""Rise over the minimum so far, as a share of it, that ends the range in which the steepest descent is searched."""
_MIN_FALL = 0.02
"""Share of the first loss by which the loss must fall for its slope to be meaningful."""


@dataclass(frozen=True)
class RatePoint:
    """The learning rate of a step and the loss of its batch."""

    learning_rate: float
    loss: float


@dataclass(frozen=True)
class RateSearch:
    """Result of the learning-rate finder."""

    points: tuple[RatePoint, ...]  # one per step, learning rate rising
    smoothed: tuple[float, ...]  # the losses, smoothed, one per point
    suggestion: float | None  # the learning rate of the steepest descent, or None if the loss never fell
    diverged: bool  # whether the loss diverged before the highest learning rate

    @property
    def verdict(self) -> str:
        """The result in a sentence or two."""
        if self.suggestion is None:
            return (
                f"The loss falls at no learning rate from {LOWEST:g} to {HIGHEST:g}: no suggestion. Run the 8-frame "
                "check on the config, or use a larger batch."
            )
        end = f"it diverges above {self.points[-1].learning_rate:.2g}" if self.diverged else "it never diverges"
        return f"The loss falls fastest at a learning rate of {self.suggestion:.2g}; {end}."


def find_learning_rate(
    config: ExperimentConfig,
    train: CachedSplit,
    device: torch.device,
    *,
    pretrained: PretrainedInputs = NO_PRETRAINED,
    steps: int = FINDER_STEPS,
    on_point: Callable[[RatePoint], None] | None = None,
) -> RateSearch:
    """Train a config on its own batches, each step with a higher learning rate, ignoring its schedule.

    Takes ``steps`` learning rates at equal ratios from ``LOWEST`` to ``HIGHEST``.
    """
    keep_freed_memory()
    setup = TrainingSetup(config, DeviceSplit(train, device), pretrained)
    points: list[RatePoint] = []
    diverged = False
    for number, rate in enumerate(np.geomspace(LOWEST, HIGHEST, steps).tolist()):
        loss = float(setup.step(number, rate, first_epoch=config.half_size_epochs))
        if not math.isfinite(loss):
            diverged = True
            break
        points.append(RatePoint(rate, loss))
        if on_point:
            on_point(points[-1])
        if has_diverged([point.loss for point in points]):
            diverged = True
            break
    smoothed = smooth([point.loss for point in points])
    return RateSearch(tuple(points), tuple(smoothed), suggest([p.learning_rate for p in points], smoothed), diverged)


def smooth(losses: Sequence[float]) -> list[float]:
    """Smooth losses with a centred Gaussian of ``_SIGMA`` steps, which does not shift the curve along the axis."""
    steps = np.arange(len(losses))
    weights = np.exp(-((steps[:, None] - steps) ** 2) / (2 * _SIGMA**2))
    return [float(value) for value in weights @ np.asarray(losses, float) / weights.sum(1)] if len(losses) else []


def has_diverged(losses: Sequence[float]) -> bool:
    """Whether the median of the last three losses exceeds ``_DIVERGED`` times the lowest smoothed loss."""
    if len(losses) < 3:
        return False
    return float(np.median(losses[-3:])) > _DIVERGED * min(smooth(losses))


def suggest(rates: Sequence[float], smoothed: Sequence[float]) -> float | None:
    """Return the learning rate of the steepest descent of the smoothed loss per decade, before its first rise.

    None if the loss never falls by ``_MIN_FALL`` of its first value.
    """
    losses = np.asarray(smoothed, float)
    risen = np.flatnonzero(losses > (1 + _RISE) * np.minimum.accumulate(losses))
    fall = losses[: risen[0]] if len(risen) else losses
    lowest = int(np.argmin(fall)) if len(fall) else 0
    if lowest < 2 or fall[lowest] > (1 - _MIN_FALL) * fall[0]:
        return None
    slopes = np.gradient(losses, np.log10(np.asarray(rates, float)))
    return float(rates[int(np.argmin(slopes[: lowest + 1]))])
