"""The evaluation pass: a model over a split on the device, one confusion matrix per frame out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from ignite.engine import Engine, Events
from torch import Tensor, nn

from cityseg.config import Precision
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.precision import arithmetic
from cityseg.metrics import FrameConfusionMatrix, most_probable

EVALUATION_BATCH = 16
"""Frames per forward pass. Fixed, so that repeated evaluations see the same arithmetic."""


@dataclass(frozen=True)
class Evaluation:
    """What one pass gives.

    Attributes:
        confusions: (N, 19, 19) int64 per-frame matrices, rows = truth.
        loss: mean of the given loss over batches, or None.
        kept: train ids, (K, H, W) uint8, of the frames that were asked for.
    """

    confusions: np.ndarray
    loss: float | None
    kept: np.ndarray


def evaluate(
    model: nn.Module,
    split: DeviceSplit,
    normalization: Normalization,
    *,
    precision: Precision = "float32",
    loss: nn.Module | None = None,
    truth: Tensor | None = None,
    keep: tuple[int, ...] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Predict every frame of a split and count.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits; is put in evaluation mode for the pass.
        split: photos at the model's size, and truth.
        normalization: what the model expects.
        precision: arithmetic of the pass; shipped figures are measured in float32.
        loss: also averaged over the pass, if given.
        truth: (N, H, W) uint8 train ids at another size to be scored at; the logits are resized to it.
        keep: indices of frames whose predictions are returned.
        on_progress: called with (frames done, frames in all).
    """
    was_training = model.training
    dtype = torch.bfloat16 if precision == "pure-bfloat16" else torch.float32
    losses: list[Tensor] = []
    kept: dict[int, Tensor] = {}

    def step(engine: Engine, first: int) -> tuple[Tensor, Tensor]:
        batch = slice(first, first + EVALUATION_BATCH)
        x = normalization.apply(split.photos[batch])
        labels = (split.labels if truth is None else truth)[batch]
        with torch.no_grad(), arithmetic(precision, split.device):
            logits = model(x.to(dtype)).float()
            if logits.shape[-2:] != labels.shape[-2:]:
                logits = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear")
            if loss is not None:
                losses.append(loss(logits, labels))
        predictions = most_probable(logits)
        for index in keep:
            if first <= index < first + EVALUATION_BATCH:
                kept[index] = predictions[index - first].clone()
        return predictions, labels

    engine = Engine(step)
    matrix = FrameConfusionMatrix(device=split.device)
    matrix.attach(engine, "confusion")
    if on_progress:
        report = on_progress

        @engine.on(Events.ITERATION_COMPLETED)
        def _(engine: Engine) -> None:
            report(min(engine.state.iteration * EVALUATION_BATCH, len(split)), len(split))

    model.eval()
    try:
        engine.run(range(0, len(split), EVALUATION_BATCH))
    finally:
        model.train(was_training)
    mean = float(torch.stack(losses).mean()) if losses else None
    empty = np.zeros((0, *split.labels.shape[1:]), np.uint8)
    return Evaluation(
        matrix.per_frame(), mean, torch.stack([kept[index] for index in keep]).cpu().numpy() if keep else empty
    )
