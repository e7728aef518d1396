"""Statistics of photos and predictions that tell whether a photo resembles the training data."""

from __future__ import annotations

import torch
from torch import Tensor

from cityseg.classes import NUM_CLASSES

_LUMA = (0.299, 0.587, 0.114)


def light(photos: Tensor) -> Tensor:
    """Return (N, 2) float32 mean and standard deviation of the luma (ITU-R BT.601) of (N, H, W, 3) photos, 0 to 255."""
    luma = (photos.float() @ photos.new_tensor(_LUMA, dtype=torch.float32)).view(len(photos), -1)
    return torch.stack([luma.mean(1), luma.std(1, unbiased=False)], 1)


def class_counts(train_ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Count (N, H, W) uint8 train ids in the pixels of a bool mask: (N, 19) int64 by frame and class, without void."""
    cells = train_ids.long().clamp_max(NUM_CLASSES).view(len(train_ids), -1)
    weights = torch.ones_like(cells) if mask is None else mask.view(len(train_ids), -1).long()
    counts = torch.zeros(len(train_ids), NUM_CLASSES + 1, dtype=torch.int64, device=train_ids.device)
    return counts.scatter_add_(1, cells, weights)[:, :NUM_CLASSES]
