"""Prediction passes over a split: per-frame confusion matrices, or the predicted label maps themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg import distributed
from cityseg.config import Precision
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.runtime.precision import arithmetic
from cityseg.inference.upsample import at_size
from cityseg.metrics import most_probable
from cityseg.metrics.boundary import boundary_counts
from cityseg.metrics.calibration import calibration_counts
from cityseg.metrics.image_statistics import class_counts, light
from cityseg.progress import OnProgress
from cityseg.runs import Detail

if TYPE_CHECKING:
    from ignite.engine import Engine

EVALUATION_BATCH = 16
"""Frames per forward pass. Fixed, so that repeated evaluations see the same arithmetic."""


@dataclass(frozen=True)
class Evaluation:
    """Result of one pass over a split."""

    confusions: np.ndarray  # (N, 19, 19) int64 per-frame matrices, rows = ground truth
    loss: float | None  # mean of the loss over batches, None if no loss was passed
    kept: np.ndarray  # (K, H, W) uint8 train ids of the frames in `keep`
    detail: Detail | None = None  # further counts, None unless the pass was `detailed`


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
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Predict every frame of a split and count; distributed processes share the batches and all return the result.

    Args:
        precision: arithmetic of the pass, in evaluation mode; published scores use float32.
        loss: averaged over the pass if passed.
        truth: (N, H, W) uint8 train ids at another size to score at; logits are resized to it.
        keep: indices of frames whose predictions are returned.
        detailed: also count what ``Detail`` holds.
        temperature: divides the logits before the softmax of a detailed pass.
        on_predicted: called with a frame's index and its (H, W) uint8 train ids, in the process that predicted it.
    """
    # Imported here: ignite takes half as long to load as PyTorch, and most commands do without it.
    from ignite.engine import Engine, Events

    from cityseg.metrics.frame_confusion import FrameConfusionMatrix

    was_training = model.training
    dtype = torch.bfloat16 if precision == "pure-bfloat16" else torch.float32
    own = distributed.dealt_items(range(0, len(split), EVALUATION_BATCH))
    losses: list[Tensor] = []
    kept: dict[int, Tensor] = {}
    details: list[tuple[np.ndarray, ...]] = []  # of each batch, the fields of ``Detail``

    def step(engine: Engine, first: int) -> tuple[Tensor, Tensor]:
        batch = slice(first, first + EVALUATION_BATCH)
        x = normalization.apply(split.photos[batch])
        labels = (split.labels if truth is None else truth)[batch]
        with torch.no_grad(), arithmetic(precision, split.device):
            logits = model(x.to(dtype)).float()
            if loss is not None:
                losses.append(loss(_resized(logits, labels), labels))
            predictions, confidence, entropy = _predict(
                logits, (labels.shape[1], labels.shape[2]), detailed, temperature
            )
        # A process without a batch of its own still runs the first one, which counts for another process.
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
            details.append(tuple(part.cpu().numpy() for part in counted))
        if on_predicted and first in own:
            for index, train_ids in enumerate(predictions.cpu().numpy(), start=first):
                on_predicted(index, train_ids)
        kept.update({i: predictions[i - first].clone() for i in keep if first <= i < first + EVALUATION_BATCH})
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
        # ignite refuses an empty iterable; the counts of a process without a batch of its own are dropped below.
        engine.run(own or [0])
    finally:
        model.train(was_training)
    counts = np.split(matrix.per_frame(), range(EVALUATION_BATCH, len(own) * EVALUATION_BATCH, EVALUATION_BATCH))
    own_maps = torch.stack([*kept.values()]).cpu().numpy() if kept else ()  # a single copy from the device
    kept_maps: dict[int, np.ndarray] = {}
    for part in distributed.all_gather_objects(dict(zip(kept, own_maps, strict=True))):
        kept_maps |= part
    means = distributed.collect_items(torch.stack(losses).tolist()[: len(own)]) if losses else []
    return Evaluation(
        np.concatenate(distributed.collect_items(counts[: len(own)])),
        float(torch.tensor(means).mean()) if means else None,
        np.stack([kept_maps[index] for index in keep]) if keep else np.zeros((0, *split.labels.shape[1:]), np.uint8),
        _joined([Detail(*parts) for parts in distributed.collect_items(details)]) if detailed else None,
    )


def predict_frames(
    model: nn.Module, split: CachedSplit, normalization: Normalization, device: torch.device, temperature: float = 1.0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (H, W) uint8 train ids and the (H, W) float32 probability of the predicted class of every frame.

    Works in float32, in the batches of ``evaluate``; memory holds one batch at a time.
    """
    for first in range(0, len(split), EVALUATION_BATCH):
        photos = torch.from_numpy(np.array(split.photos[first : first + EVALUATION_BATCH])).to(device)
        with torch.no_grad(), arithmetic("float32", device):
            logits = model(normalization.apply(photos)).float()
            train_ids = most_probable(logits).cpu().numpy()
            confidence = (logits / temperature).softmax(1).amax(1).cpu().numpy()
        yield from zip(train_ids, confidence, strict=True)


def _resized(logits: Tensor, labels: Tensor) -> Tensor:
    if logits.shape[-2:] == labels.shape[-2:]:
        return logits
    return F.interpolate(logits, size=labels.shape[-2:], mode="bilinear")


def _predict(
    logits: Tensor, size: tuple[int, int], detailed: bool, temperature: float
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the most probable class of every pixel at ``size`` and, if detailed, its probability and the entropy."""
    if logits.shape[-2:] != size:
        # Frame by frame, as a photo is predicted: a batch at 2048x1024 would take gigabytes.
        train_ids, confidence, entropy = (
            torch.stack(parts) for parts in zip(*(at_size(one, size, temperature) for one in logits), strict=True)
        )
        return train_ids, confidence, entropy
    predictions = most_probable(logits)
    if not detailed:
        return predictions, None, None
    log_probabilities = (logits / temperature).log_softmax(1)
    probabilities = log_probabilities.exp()
    entropy = -(probabilities * log_probabilities).sum(1) / math.log(logits.shape[1])
    return predictions, probabilities.amax(1), entropy


def _joined(parts: list[Detail]) -> Detail:
    """Concatenate the per-frame counts of the batches in order, and sum those over all frames."""
    joined = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Detail)}
    calibration = np.sum(joined.pop("calibration"), 0)
    return Detail(calibration=calibration, **{name: np.concatenate(values) for name, values in joined.items()})
