"""A model's scores on frames as they are and as other cameras would have taken them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cityseg.data.augmentation.corruptions import CORRUPTIONS, Corruption, corrupted
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.evaluate import evaluate


@dataclass(frozen=True)
class Robustness:
    """Per-frame matrices of one split.

    Attributes:
        plain: (N, 19, 19) int64, rows = truth, of the frames as they are.
        changed: the same by the name of the corruption.
    """

    plain: np.ndarray
    changed: dict[str, np.ndarray]


def measure_robustness(
    model: nn.Module,
    split: CachedSplit,
    normalization: Normalization,
    device: torch.device,
    *,
    corruptions: tuple[Corruption, ...] = CORRUPTIONS,
    on_progress: Callable[[int, int], None] | None = None,
) -> Robustness:
    """Predict a split once as it is and once for each corruption.

    Args:
        model: in evaluation mode, on the device.
        split: the frames, at the model's size.
        normalization: what the model expects.
        device: where to compute.
        corruptions: what to change.
        on_progress: called with (frames done, frames in all), of all passes together.
    """
    frames = DeviceSplit(split, device)
    photos, labels = frames.photos.cpu(), frames.labels.cpu()
    total = len(frames) * (1 + len(corruptions))
    matrices: list[np.ndarray] = []

    def note(done: int, _: int) -> None:
        if on_progress:
            on_progress(len(matrices) * len(frames) + done, total)

    matrices.append(evaluate(model, frames, normalization, on_progress=note).confusions)
    for corruption in corruptions:
        changed_photos, changed_labels = corrupted(photos, labels, corruption)
        frames.photos, frames.labels = changed_photos.to(device), changed_labels.to(device)
        matrices.append(evaluate(model, frames, normalization, on_progress=note).confusions)
    plain, *changed = matrices
    return Robustness(plain, {one.name: each for one, each in zip(corruptions, changed, strict=True)})
