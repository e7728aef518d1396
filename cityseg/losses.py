"""Losses on logits; always computed in float32, void pixels left out."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg.labels import IGNORE_INDEX


def log_class_weights(share: np.ndarray) -> Tensor:
    """Return (19,) float32 weights 1 / ln(1.1 + share).

    The rule of ENet (Paszke et al., arXiv 1606.02147, section 5.2) with a bound of 10.5.

    Args:
        share: (19,) share of each class among the scored pixels, 0 to 1.
    """
    return torch.tensor(1 / np.log(1.1 + share), dtype=torch.float32)


def soft_dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return 1 minus the soft Dice coefficient, averaged over the classes present in the batch.

    Per class ``2 * sum(p * t) / (sum(p) + sum(t))`` with p the softmax probability and t the 0/1 truth,
    sums over all scored pixels of the batch (Milletari et al., "V-Net", arXiv 1606.04797, with plain sums).

    Args:
        logits: (N, C, H, W) float32.
        labels: (N, H, W) int64 train ids; ``IGNORE_INDEX`` is left out.
    """
    scored = labels.ne(IGNORE_INDEX)
    probabilities = logits.softmax(1) * scored[:, None]
    target = labels.where(scored, 0)
    hits = probabilities.gather(1, target[:, None])[:, 0]
    zeros = torch.zeros(logits.shape[1], device=logits.device)
    overlap = zeros.index_add(0, target.flatten(), hits.flatten())
    support = zeros.index_add(0, target.flatten(), scored.flatten().float())
    dice = 2 * overlap / (probabilities.sum((0, 2, 3)) + support).clamp_min(1)
    present = support.gt(0)
    return 1 - (dice * present).sum() / present.sum().clamp_min(1)


class SegmentationLoss(nn.Module):
    """Weighted cross-entropy plus ``dice_weight`` times the soft Dice loss.

    Args:
        class_weights: (19,) float32 weights of cross-entropy, or None to treat pixels alike.
        dice_weight: weight of the Dice term; 0 leaves it out.
    """

    def __init__(self, class_weights: Tensor | None = None, dice_weight: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)
        self.dice_weight = dice_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of (N, 19, H, W) logits against (N, H, W) integer train ids."""
        logits, labels = logits.float(), labels.long()
        weights: Tensor | None = self.class_weights  # type: ignore[assignment]
        total = F.cross_entropy(logits, labels, weights, ignore_index=IGNORE_INDEX, reduction="sum")
        scored = labels.ne(IGNORE_INDEX)
        mass = scored.sum() if weights is None else weights[labels.where(scored, 0)].mul(scored).sum()
        # A batch of void alone has no loss, where a plain mean would give 0 / 0.
        loss = total / mass.clamp_min(1)
        return loss + self.dice_weight * soft_dice_loss(logits, labels) if self.dice_weight else loss
