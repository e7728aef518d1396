"""The learning-rate finder: one short training whose learning rate rises until the loss runs away.

Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cityseg.config import ExperimentConfig
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.preflight.step_setup import Setup
from cityseg.engine.pretrained import NOTHING, PretrainedInputs
from cityseg.engine.runtime.allocator import keep_freed_memory

FINDER_STEPS = 60
LOWEST, HIGHEST = 1e-5, 1.0
_DIVERGED = 2.0
"""The search ends where the loss is this many times its lowest."""
_SPREAD = 2.5
"""Standard deviation of the smoothing, in steps."""
_RISE = 0.05
"""Share of the lowest loss so far by which a rise ends the fall that counts; what comes after is luck."""
_LEAST_FALL = 0.02
"""Share of the first loss by which the loss has to fall somewhere, for its slope to mean anything."""


@dataclass(frozen=True)
class RatePoint:
    """One step: the learning rate it was done with, and the loss of its batch."""

    learning_rate: float
    loss: float


@dataclass(frozen=True)
class RateSearch:
    """What the search gave.

    Attributes:
        points: one per step, learning rate rising.
        smoothed: the losses, smoothed, one per point.
        suggestion: the learning rate of the steepest fall, or None where the loss never fell.
        diverged: whether the loss ran away before the highest learning rate.
    """

    points: tuple[RatePoint, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    diverged: bool

    @property
    def verdict(self) -> str:
        """What it means, in a sentence or two."""
        if self.suggestion is None:
            return (
                f"The loss falls at no learning rate from {LOWEST:g} to {HIGHEST:g}: no suggestion can be made. "
                "Check the recipe with the 8-frame check, or use a larger batch."
            )
        end = f"the loss runs away above {self.points[-1].learning_rate:.2g}" if self.diverged else "it never runs away"
        return f"The loss falls fastest at a learning rate of {self.suggestion:.2g}; {end}."


def find_learning_rate(
    config: ExperimentConfig,
    train: CachedSplit,
    device: torch.device,
    *,
    given: PretrainedInputs = NOTHING,
    steps: int = FINDER_STEPS,
    on_point: Callable[[RatePoint], None] | None = None,
) -> RateSearch:
    """Train a recipe on its own batches, each step with a higher learning rate; its schedule plays no part.

    Args:
        config: the recipe.
        train: cached training split at the recipe's size.
        device: where to compute.
        given: what a run is given beside them.
        steps: how many learning rates to try, at equal ratios from ``LOWEST`` to ``HIGHEST``.
        on_point: called after every step.
    """
    keep_freed_memory()
    setup = Setup(config, train, device, given)
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
    """Return each loss averaged with its neighbours on both sides, by a Gaussian of ``_SPREAD`` steps.

    Unlike an average of the past alone, this does not move the curve towards higher learning rates.
    """
    steps = np.arange(len(losses))
    weights = np.exp(-((steps[:, None] - steps) ** 2) / (2 * _SPREAD**2))
    return [float(value) for value in weights @ np.asarray(losses, float) / weights.sum(1)] if len(losses) else []


def has_diverged(losses: Sequence[float]) -> bool:
    """Whether the last losses, the middle one of three, are ``_DIVERGED`` times the lowest smoothed loss."""
    if len(losses) < 3:
        return False
    return float(np.median(losses[-3:])) > _DIVERGED * min(smooth(losses))


def suggest(rates: Sequence[float], smoothed: Sequence[float]) -> float | None:
    """Return the learning rate at which the smoothed loss falls fastest per decade, before it first rises again.

    Args:
        rates: learning rates, rising.
        smoothed: the smoothed loss at each.

    Returns:
        None where the loss never falls by ``_LEAST_FALL`` of its first value.
    """
    losses = np.asarray(smoothed, float)
    risen = np.flatnonzero(losses > (1 + _RISE) * np.minimum.accumulate(losses))
    fall = losses[: risen[0]] if len(risen) else losses
    lowest = int(np.argmin(fall)) if len(fall) else 0
    if lowest < 2 or fall[lowest] > (1 - _LEAST_FALL) * fall[0]:
        return None
    slopes = np.gradient(losses, np.log10(np.asarray(rates, float)))
    return float(rates[int(np.argmin(slopes[: lowest + 1]))])
