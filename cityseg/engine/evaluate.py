"""The evaluation pass: a model over a split on the device, one confusion matrix per frame out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg import distributed
from cityseg.config import Precision
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.runtime.precision import arithmetic
from cityseg.inference.upsample import at_size
from cityseg.metrics import most_probable
from cityseg.metrics.boundary import boundary_counts
from cityseg.metrics.calibration import calibration_counts
from cityseg.metrics.image_statistics import class_counts, light

if TYPE_CHECKING:
    from ignite.engine import Engine

EVALUATION_BATCH = 16
"""Frames per forward pass. Fixed, so that repeated evaluations see the same arithmetic."""


@dataclass(frozen=True)
class Detail:
    """What a pass counts beside the matrices, where it is asked to.

    Attributes:
        boundary: (N, 19, 3) int64 pixels near contours, see ``metrics.boundary``.
        calibration: (19, 100, 3) int64 pixels by confidence, of all frames, see ``metrics.calibration``.
        light: (N, 2) float32 mean and standard deviation of each photo's luma, 0 to 255.
        entropy: (N,) float32 mean entropy of each frame's predictions, as a share of the largest there can be.
        predicted: (N, 19) int64 pixels of each frame by predicted class, void included.
    """

    boundary: np.ndarray
    calibration: np.ndarray
    light: np.ndarray
    entropy: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What one pass gives.

    Attributes:
        confusions: (N, 19, 19) int64 per-frame matrices, rows = truth.
        loss: mean of the given loss over batches, or None.
        kept: train ids, (K, H, W) uint8, of the frames that were asked for.
        detail: what else was counted, if that was asked for.
    """

    confusions: np.ndarray
    loss: float | None
    kept: np.ndarray
    detail: Detail | None = None


def evaluate(
    model: nn.Module,
    split: DeviceSplit,
    normalization: Normalization,
    *,
    precision: Precision = "float32",
    loss: nn.Module | None = None,
    truth: Tensor | None = None,
    keep: tuple[int, ...] = (),
    detailed: bool = False,
    temperature: float = 1.0,
    on_predicted: Callable[[int, np.ndarray], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Predict every frame of a split and count; the processes of a run share the batches, and all have the result.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits; is put in evaluation mode for the pass.
        split: photos at the model's size, and truth.
        normalization: what the model expects.
        precision: arithmetic of the pass; shipped figures are measured in float32.
        loss: also averaged over the pass, if given.
        truth: (N, H, W) uint8 train ids at another size to be scored at; the logits are resized to it.
        keep: indices of frames whose predictions are returned.
        detailed: also count pixels near contours and by confidence, and what tells whether a photo is like these.
        temperature: divides the logits before they become the probabilities that are counted.
        on_predicted: called with a frame's index and its (H, W) uint8 train ids, by the process that predicted it.
        on_progress: called with (frames done, frames in all).
    """
    # Late, like all of ignite: it takes half as long to load as PyTorch does, and most verbs do without it.
    from ignite.engine import Engine, Events

    from cityseg.metrics.frame_confusion import FrameConfusionMatrix

    was_training = model.training
    dtype = torch.bfloat16 if precision == "pure-bfloat16" else torch.float32
    batches = range(0, len(split), EVALUATION_BATCH)
    own = distributed.dealt(batches)
    losses: list[Tensor] = []
    kept: dict[int, Tensor] = {}
    details: list[Detail] = []

    def step(engine: Engine, first: int) -> tuple[Tensor, Tensor]:
        batch = slice(first, first + EVALUATION_BATCH)
        x = normalization.apply(split.photos[batch])
        labels = (split.labels if truth is None else truth)[batch]
        with torch.no_grad(), arithmetic(precision, split.device):
            logits = model(x.to(dtype)).float()
            if loss is not None:
                losses.append(loss(_resized(logits, labels), labels))
            predictions, confidence, entropy = _read(logits, (labels.shape[1], labels.shape[2]), detailed, temperature)
        # The first batch of a process that was dealt none only keeps ignite content.
        if detailed and first in own:
            assert confidence is not None
            assert entropy is not None
            counted = (
                boundary_counts(labels, predictions),
                calibration_counts(labels, predictions, confidence),
                light(split.photos[batch]),
                entropy.mean((1, 2)),
                class_counts(predictions),
            )
            details.append(Detail(*(part.cpu().numpy() for part in counted)))
        if on_predicted and first in own:
            for index, train_ids in enumerate(predictions.cpu().numpy(), start=first):
                on_predicted(index, train_ids)
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
        # ignite refuses to run over nothing; what a process without a batch of its own counts is left out below.
        engine.run(own or [0])
    finally:
        model.train(was_training)
    counts = np.split(matrix.per_frame(), range(EVALUATION_BATCH, len(own) * EVALUATION_BATCH, EVALUATION_BATCH))
    pictures: dict[int, np.ndarray] = {}
    own_pictures = torch.stack([*kept.values()]).cpu().numpy() if kept else ()
    for hand in distributed.everybodys(dict(zip(kept, own_pictures, strict=True))):
        pictures |= hand
    means = distributed.collected(torch.stack(losses).tolist()[: len(own)]) if losses else []
    detail = _together(distributed.collected(details)) if detailed else None
    return Evaluation(
        np.concatenate(distributed.collected(counts[: len(own)])),
        float(torch.tensor(means).mean()) if means else None,
        np.stack([pictures[index] for index in keep]) if keep else np.zeros((0, *split.labels.shape[1:]), np.uint8),
        detail,
    )


def _resized(logits: Tensor, labels: Tensor) -> Tensor:
    if logits.shape[-2:] == labels.shape[-2:]:
        return logits
    return F.interpolate(logits, size=labels.shape[-2:], mode="bilinear")


def _read(
    logits: Tensor, size: tuple[int, int], detailed: bool, temperature: float
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the most probable class of every pixel at ``size`` and, if asked for, its probability and the entropy."""
    if logits.shape[-2:] != size:
        # As a photo is predicted, which is also a frame at a time: a batch at 2048x1024 would take gigabytes.
        train_ids, confidence, entropy = (
            torch.stack(parts) for parts in zip(*(at_size(one, size, temperature) for one in logits), strict=True)
        )
        return train_ids, confidence, entropy
    predictions = most_probable(logits)
    if not detailed:
        return predictions, None, None
    log_shares = (logits / temperature).log_softmax(1)
    shares = log_shares.exp()
    entropy = -(shares * log_shares).sum(1) / math.log(logits.shape[1])
    return predictions, shares.amax(1), entropy


def _together(parts: list[Detail]) -> Detail:
    """Put the batches' counts in their order, and those of all frames into one sum."""
    joined = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Detail)}
    calibration = np.sum(joined.pop("calibration"), 0)
    return Detail(calibration=calibration, **{name: np.concatenate(values) for name, values in joined.items()})
