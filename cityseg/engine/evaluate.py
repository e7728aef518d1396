"""Prediction passes over a split: per-frame confusion matrices, or the predicted label maps themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from cityseg import distributed
from cityseg.classes import IGNORE_INDEX
from cityseg.config import Precision
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.transfer import send
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


class Labels(Protocol):
    """Ground truth by frame index: (H, W) uint8 train ids, of any size."""

    def __getitem__(self, index: int, /) -> np.ndarray: ...


@dataclass(frozen=True)
class Evaluation:
    """Result of one pass over a split."""

    confusions: np.ndarray  # (N, 19, 19) int64 per-frame matrices, rows = ground truth
    loss: float | None  # mean of the loss over batches with labels; None if no loss was passed, or all is void
    kept: np.ndarray  # (K, H, W) uint8 train ids of the frames in `keep`
    detail: Detail | None = None  # further counts, None unless the pass was `detailed`


def evaluate(
    model: nn.Module,
    split: DeviceSplit,
    normalization: Normalization,
    *,
    precision: Precision = "float32",
    loss: nn.Module | None = None,
    truth: Labels | None = None,
    keep: tuple[int, ...] = (),
    detailed: bool = False,
    temperature: float = 1.0,
    on_predicted: Callable[[int, np.ndarray], None] | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Predict every frame of a split and count; distributed processes share the batches and all return the result.

    Args:
        split: photos and ground truth at the model's size.
        precision: arithmetic of the pass, in evaluation mode; published scores use float32.
        loss: averaged over the pass, at the model's size, if passed.
        truth: ground truth to score at, usually ``CachedSplit.truth``; each prediction is resized to its label. By
            default predictions are scored at the model's size.
        keep: indices of frames whose predictions at the model's size are returned.
        detailed: also count what ``Detail`` holds.
        temperature: divides the logits before the softmax, whose probabilities are resized and decide.
        on_predicted: called with a frame's index and its (H, W) uint8 train ids, in the process that predicted it.
    """
    # Imported here: ignite takes half as long to load as PyTorch, and most commands do without it.
    from ignite.engine import Engine, Events

    from cityseg.metrics.frame_confusion import FrameConfusionMatrix

    was_training = model.training
    dtype = torch.bfloat16 if precision == "pure-bfloat16" else torch.float32
    own = distributed.dealt_items(range(0, len(split), EVALUATION_BATCH))
    losses: list[Tensor] = []
    labelled: list[Tensor] = []  # whether each batch has a pixel that is scored; the loss of others says nothing
    kept: dict[int, Tensor] = {}
    details: list[tuple[np.ndarray, ...]] = []  # of each batch, the fields of ``Detail``

    def step(engine: Engine, first: int) -> tuple[Tensor, Tensor] | tuple[list[Tensor], list[Tensor]]:
        batch = slice(first, first + EVALUATION_BATCH)
        x = normalization.apply(split.photos[batch])
        labels = split.labels[batch]
        with torch.no_grad(), arithmetic(precision, split.device):
            logits = model(x.to(dtype)).float()
            if loss is not None:
                losses.append(loss(logits, labels))
                labelled.append(labels.ne(IGNORE_INDEX).any())
            groups = [(logits, labels)] if truth is None else _by_size(logits, truth, first)
            predicted = [_predict(part, target, detailed, temperature) for part, target in groups]
        # A process without a batch of its own still runs the first one, which counts for another process.
        if detailed and first in own:
            parts = [_detail(*part, target) for part, (_, target) in zip(predicted, groups, strict=True)]
            counted = replace(_joined(parts), light=light(split.photos[batch]).cpu().numpy())
            details.append(tuple(getattr(counted, field.name) for field in fields(Detail)))
        if on_predicted and first in own:
            for index, train_ids in enumerate((each for maps, *_ in predicted for each in maps), start=first):
                on_predicted(index, train_ids.cpu().numpy())
        kept.update({i: most_probable(logits[i - first, None])[0] for i in keep if first <= i < first + len(labels)})
        if len(groups) == 1:
            return predicted[0][0], groups[0][1]
        return [maps[0] for maps, *_ in predicted], [target[0] for _, target in groups]

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
    scored = distributed.collect_items(torch.stack(labelled).tolist()[: len(own)]) if losses else []
    means = [mean for mean, has_labels in zip(means, scored, strict=True) if has_labels]
    return Evaluation(
        np.concatenate(distributed.collect_items(counts[: len(own)])),
        float(torch.tensor(means).mean()) if means else None,
        np.stack([kept_maps[index] for index in keep]) if keep else np.zeros((0, *split.labels.shape[1:]), np.uint8),
        _joined([Detail(*parts) for parts in distributed.collect_items(details)]) if detailed else None,
    )


def predict_frames(
    model: nn.Module, split: CachedSplit, normalization: Normalization, device: torch.device, temperature: float = 1.0
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield ground truth, prediction and confidence of every frame at the size of its label.

    These are (H, W) uint8 train ids twice and the (H, W) float32 probability of the predicted class. Works in float32,
    in the batches of ``evaluate``; memory holds one batch at a time.
    """
    truth: Labels = split.labels if split.truth is None else split.truth
    for first in range(0, len(split), EVALUATION_BATCH):
        photos = torch.from_numpy(np.array(split.photos[first : first + EVALUATION_BATCH])).to(device)
        with torch.no_grad(), arithmetic("float32", device):
            logits = model(normalization.apply(photos)).float()
            for part, labels in _by_size(logits, truth, first):
                train_ids, confidence, _ = _predict(part, labels, True, temperature)
                assert confidence is not None
                yield from zip(*(each.cpu().numpy() for each in (labels, train_ids, confidence)), strict=True)


def _by_size(logits: Tensor, truth: Labels, first: int) -> list[tuple[Tensor, Tensor]]:
    """Return logits and their labels: the whole batch if all labels have the logits' size, else frame by frame.

    A batch at 2048x1024 would take gigabytes.
    """
    maps = (torch.from_numpy(np.array(truth[index])) for index in range(first, first + len(logits)))
    labels = [send(each, logits.device) for each in maps]
    if all(each.shape == logits.shape[-2:] for each in labels):
        return [(logits, torch.stack(labels))]
    # Channels-last logits would be slow to resize.
    return [(one[None], each[None]) for one, each in zip(logits.contiguous(), labels, strict=True)]


_Predicted = tuple[Tensor, Tensor | None, Tensor | None]
"""(N, H, W) uint8 train ids and, if detailed, their float32 probabilities and the entropy."""


def _predict(logits: Tensor, labels: Tensor, detailed: bool, temperature: float) -> _Predicted:
    """Return the most probable class of every pixel at the labels' size and, if detailed, probability and entropy."""
    height, width = labels.shape[-2:]
    if logits.shape[-2:] != labels.shape[-2:]:
        train_ids, confidence, entropy = at_size(logits[0], (height, width), temperature)
        return train_ids[None], confidence[None], entropy[None]
    predictions = most_probable(logits)
    if not detailed:
        return predictions, None, None
    log_probabilities = (logits / temperature).log_softmax(1)
    probabilities = log_probabilities.exp()
    entropy = -(probabilities * log_probabilities).sum(1) / math.log(logits.shape[1])
    return predictions, probabilities.amax(1), entropy


def _detail(predictions: Tensor, confidence: Tensor | None, entropy: Tensor | None, labels: Tensor) -> Detail:
    """Count what a detailed pass counts, all but the light of the photos."""
    assert confidence is not None
    assert entropy is not None
    counted = (
        boundary_counts(labels, predictions),
        calibration_counts(labels, predictions, confidence),
        torch.zeros(len(labels), 2),
        entropy.mean((1, 2)),
        class_counts(predictions),
    )
    return Detail(*(part.cpu().numpy() for part in counted))


def _joined(parts: list[Detail]) -> Detail:
    """Concatenate the per-frame counts of the batches in order, and sum those over all frames."""
    joined = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Detail)}
    calibration = np.sum(joined.pop("calibration"), 0)
    return Detail(calibration=calibration, **{name: np.concatenate(values) for name, values in joined.items()})
