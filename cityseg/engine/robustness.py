"""Confusion matrices of a model on a split under image corruptions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cityseg.data.augmentation.corruptions import CORRUPTIONS, Corruption, corrupted
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.prepared.ground_truth import GroundTruth
from cityseg.engine.evaluate import evaluate
from cityseg.progress import OnProgress


def evaluate_corruptions(
    model: nn.Module,
    split: CachedSplit,
    normalization: Normalization,
    device: torch.device,
    temperature: float = 1.0,
    *,
    corruptions: tuple[Corruption, ...] = CORRUPTIONS,
    on_progress: OnProgress | None = None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Evaluate a model on a split without corruption and once under each corruption; progress is over all passes.

    Predictions are compared with each label at the label's own size.

    Returns:
        (N, 19, 19) int64 matrices of the uncorrupted frames, rows = ground truth, and the same by corruption name.
    """
    frames = DeviceSplit(split, device)
    photos, labels = frames.photos.cpu(), frames.labels.cpu()
    total = len(frames) * (1 + len(corruptions))
    matrices: list[np.ndarray] = []

    def note(done: int, _: int) -> None:
        if on_progress:
            on_progress(len(matrices) * len(frames) + done, total)

    for corruption in (None, *corruptions):
        if corruption:
            frames.photos, frames.labels = (part.to(device) for part in corrupted(photos, labels, corruption))
        truth = _MovedTruth(split.truth, corruption) if split.truth is not None else None
        result = evaluate(model, frames, normalization, truth=truth, temperature=temperature, on_progress=note)
        matrices.append(result.confusions)
    clean, *others = matrices
    return clean, {one.name: each for one, each in zip(corruptions, others, strict=True)}


@dataclass(frozen=True)
class _MovedTruth:
    """Ground truth at the labels' own size, moved as a corruption moves the content of the photos."""

    truth: GroundTruth
    corruption: Corruption | None

    def __getitem__(self, index: int) -> np.ndarray:
        labels = self.truth[index]
        if self.corruption is None or self.corruption.move is None:
            return labels
        return self.corruption.move(torch.from_numpy(labels)[None])[0].numpy()
