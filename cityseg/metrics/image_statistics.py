"""What tells whether a photo is like those a model knows: its light, and what the model says it holds."""

from __future__ import annotations

import torch
from torch import Tensor

from cityseg.classes import NUM_CLASSES

_LUMA = (0.299, 0.587, 0.114)


def light(photos: Tensor) -> Tensor:
    """Return mean and standard deviation of the luma (ITU-R BT.601) over each photo's pixels.

    Args:
        photos: (N, H, W, 3) uint8.

    Returns:
        (N, 2) float32, 0 to 255.
    """
    weights = photos.new_tensor(_LUMA, dtype=torch.float32)
    luma = (photos.float() @ weights).view(len(photos), -1)
    return torch.stack([luma.mean(1), luma.std(1, unbiased=False)], 1)


def class_counts(train_ids: Tensor) -> Tensor:
    """Count (N, H, W) uint8 train ids by frame and class: (N, 19) int64, void left out."""
    cells = train_ids.long().clamp_max(NUM_CLASSES).view(len(train_ids), -1)
    counts = torch.zeros(len(train_ids), NUM_CLASSES + 1, dtype=torch.int64, device=train_ids.device)
    return counts.scatter_add_(1, cells, torch.ones_like(cells))[:, :NUM_CLASSES]
