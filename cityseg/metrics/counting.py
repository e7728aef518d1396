"""Counting on the device: (truth, prediction) pairs of every frame, and the most probable class of every pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ignite.metrics import ConfusionMatrix
from torch import Tensor

from cityseg.labels import NUM_CLASSES


def frame_confusions(labels: Tensor, predictions: Tensor, num_classes: int = NUM_CLASSES) -> Tensor:
    """Count (truth, prediction) pairs of every frame.

    Args:
        labels: (N, H, W) integer train ids; values of ``num_classes`` and above (void) are not counted.
        predictions: (N, H, W) integer train ids below ``num_classes``.
        num_classes: rows and columns of a matrix, C.

    Returns:
        (N, C, C) int64 on the same device; rows are truth.
    """
    count = len(labels)
    # Void goes to one spare row: boolean indexing, like bincount, would make the host wait for a GPU.
    cells = labels.long().clamp_max(num_classes).mul_(num_classes).add_(predictions).view(count, -1)
    ones = torch.ones((), dtype=torch.int64, device=labels.device).expand_as(cells)
    counts = torch.zeros(count, (num_classes + 1) * num_classes, dtype=torch.int64, device=labels.device)
    return counts.scatter_add_(1, cells, ones).view(count, num_classes + 1, num_classes)[:, :num_classes]


def most_probable(logits: Tensor) -> Tensor:
    """Return the class with the largest logit of every pixel, the first of them where several are largest.

    The same as ``argmax`` over the classes, of which the CPU's takes ten times as long. Logits that are no numbers
    give some class.

    Args:
        logits: (N, C, H, W), C at most 255.

    Returns:
        (N, H, W) uint8.
    """
    last = logits.shape[1] - 1
    # Classes are weighed from last to first, so that the largest weight among the largest logits is the first class.
    weights = torch.arange(last, -1, -1, dtype=torch.uint8, device=logits.device)[:, None, None]
    largest = logits.eq(logits.amax(1, keepdim=True)).view(torch.uint8)
    return largest.mul_(weights).amax(1).neg_().add_(last)


class FrameConfusionMatrix(ConfusionMatrix):
    """ignite's ``ConfusionMatrix`` that also keeps the matrix of every frame.

    ``update`` takes (logits or labels, truth) like its parent. ``compute`` gives the sum; ``per_frame`` gives
    (N, C, C) int64 in the order of updates.
    """

    def __init__(self, num_classes: int = NUM_CLASSES, device: str | torch.device = "cpu") -> None:
        super().__init__(num_classes=num_classes, device=device)

    def reset(self) -> None:
        """Forget all frames."""
        super().reset()
        self._frames: list[Tensor] = []

    def update(self, output: Any) -> None:
        """Add a batch: (N, C, H, W) logits or (N, H, W) train ids, and (N, H, W) truth."""
        predictions, truth = output[0].detach(), output[1].detach()
        if predictions.ndim == 4:
            predictions = most_probable(predictions)
        confusions = frame_confusions(truth, predictions, self.num_classes)
        self._frames.append(confusions)
        self._num_examples += len(truth)
        self.confusion_matrix += confusions.sum(0).to(self._device)

    def per_frame(self) -> np.ndarray:
        """Return (N, C, C) int64, one matrix per frame seen."""
        if not self._frames:
            return np.zeros((0, self.num_classes, self.num_classes), np.int64)
        return torch.cat(self._frames).cpu().numpy()
