"""The overfit check: can this config overfit a few frames?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from cityseg.config import SETTINGS, ExperimentConfig, build
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.evaluate import evaluate
from cityseg.engine.preflight.frames import portion
from cityseg.engine.runtime.allocator import keep_freed_memory
from cityseg.engine.step import TrainingSetup, learning_rate
from cityseg.metrics import summarize

OVERFIT_FRAMES = 8
OVERFIT_STEPS = 300
OVERFIT_F1 = 0.9
"""Macro F1 at which the frames count as overfitted; the check ends when it is reached."""
_LEARNING_LOSS = 0.5
"""Share of the first loss below which the mean of the last losses shows a network that learns, but too slowly."""
_LAST_STEPS = 10

Outcome = Literal["learnt", "learning", "stuck", "diverged"]


@dataclass(frozen=True)
class OverfitPoint:
    """The loss of a step, and the macro F1 on the frames after it."""

    step: int
    loss: float
    macro_f1: float


@dataclass(frozen=True)
class OverfitCheck:
    """Result of the overfit check."""

    outcome: Outcome  # `learnt` if overfitted, `learning` if too slow, `stuck`, or `diverged` if the loss is not finite
    points: tuple[OverfitPoint, ...]  # one per step
    frames: tuple[str, ...]  # names of the frames
    steps: int  # maximum number of steps

    @property
    def verdict(self) -> str:
        """The result in a sentence or two."""
        count = f"{len(self.frames)} frame{'s' if len(self.frames) != 1 else ''}"
        best = max((point.macro_f1 for point in self.points), default=0.0)
        loss = f"loss {self.points[0].loss:.3f} to {self.points[-1].loss:.3f}" if self.points else "no loss"
        took = len(self.points)
        if self.outcome == "learnt":
            return f"The config overfits {count}: macro F1 {best:.3f} on them after {took} steps."
        if self.outcome == "learning":
            return (
                f"The config learns, but {self.steps} steps were too few to overfit {count}: {loss}, macro F1 "
                f"{best:.3f}, expected {OVERFIT_F1}. Try a higher learning rate."
            )
        if self.outcome == "diverged":
            return (
                f"The loss is not finite after {took} steps: the learning rate is too high or the precision too low. "
                "Lower learning_rate or use precision=float32."
            )
        return (
            f"The config cannot overfit {count}: {loss} in {self.steps} steps, macro F1 {best:.3f}, expected "
            f"{OVERFIT_F1}. Its learning rate is far off, or something is broken."
        )


def check_overfit(
    config: ExperimentConfig,
    train: CachedSplit,
    device: torch.device,
    *,
    steps: int = OVERFIT_STEPS,
    on_point: Callable[[OverfitPoint], None] | None = None,
) -> OverfitCheck:
    """Train on ``OVERFIT_FRAMES`` fixed frames, all in every step, until the network has overfitted them.

    Settings that do not affect the check are switched off: augmentation, schedule, batch size, initial weights and
    teacher. Scores are those of the network in evaluation mode, which reveals faults of evaluation too.
    """
    frames = portion(train, OVERFIT_FRAMES)
    switched_off = {name: setting.off for name, setting in SETTINGS.items() if "overfit" not in setting.affects}
    checked = build({**config.model_dump(), **switched_off, "batch_size": len(frames)})
    keep_freed_memory()
    setup = TrainingSetup(checked, DeviceSplit(frames, device))
    normalization = Normalization.named(checked.normalization)
    points: list[OverfitPoint] = []
    for number in range(steps):
        loss = float(setup.step(number, learning_rate(checked, number, steps)))
        if not math.isfinite(loss):
            return OverfitCheck("diverged", tuple(points), frames.meta.frames, steps)
        result = evaluate(setup.scored_model, setup.split, normalization, precision=checked.precision)
        scores = summarize(result.confusions)
        points.append(OverfitPoint(number + 1, loss, scores["macro"]["f1"] or 0.0))
        if on_point:
            on_point(points[-1])
        if points[-1].macro_f1 >= OVERFIT_F1:
            return OverfitCheck("learnt", tuple(points), frames.meta.frames, steps)
    last = [point.loss for point in points[-_LAST_STEPS:]]
    learning = sum(last) / len(last) < _LEARNING_LOSS * points[0].loss
    return OverfitCheck("learning" if learning else "stuck", tuple(points), frames.meta.frames, steps)
