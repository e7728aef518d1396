"""Soft Dice loss."""

from __future__ import annotations

import torch
from torch import Tensor

from cityseg import distributed
from cityseg.classes import IGNORE_INDEX


def soft_dice_loss(logits: Tensor, labels: Tensor, spread: bool = False) -> Tensor:
    """Return 1 minus the soft Dice coefficient, averaged over the classes present in the batch.

    0 if no pixel is scored.

    Per class ``2 * sum(p * t) / (sum(p) + sum(t))`` with p the softmax probability and t the one-hot ground truth,
    summed over all scored pixels of the batch (Milletari et al., "V-Net", arXiv 1606.04797, with plain sums).
    """
    scored = labels.ne(IGNORE_INDEX)
    probabilities = logits.softmax(1) * scored[:, None]
    target = labels.where(scored, 0)
    hits = probabilities.gather(1, target[:, None])[:, 0]
    # float64: a sum of a million float32 hits, one by one, would be some per cent too low.
    zeros = torch.zeros(logits.shape[1], dtype=torch.float64, device=logits.device)
    overlap = zeros.index_add(0, target.flatten(), hits.flatten().double()).to(logits.dtype)
    support = zeros.index_add(0, target.flatten(), scored.flatten().double()).to(logits.dtype)
    mass = probabilities.sum((0, 2, 3))
    if spread:
        overlap, support, mass = distributed.all_reduce_sum(torch.stack([overlap, support, mass]))
    dice = 2 * overlap / (mass + support).clamp_min(1)
    present = support.gt(0)
    return present.any().to(dice.dtype) - (dice * present).sum() / present.sum().clamp_min(1)
