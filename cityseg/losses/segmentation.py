"""The loss of a run: a weighted sum of terms on logits, computed in float32, void pixels ignored.

A loss is a ratio of sums over the pixels of a batch. If a batch is spread over processes, the sums are pooled, so that
every process has the loss of the whole batch.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg import distributed
from cityseg.classes import IGNORE_INDEX
from cityseg.config import ExperimentConfig
from cityseg.losses.ce_dice import cross_entropy_and_dice
from cityseg.losses.class_weights import class_weights
from cityseg.losses.dice import soft_dice_loss
from cityseg.losses.distillation import distillation_loss
from cityseg.losses.lovasz import lovasz_softmax_loss


class SegmentationLoss(nn.Module):
    """A weighted sum of cross-entropy (or focal), soft Dice and Lovasz-softmax losses.

    Args:
        class_weights: (19,) float32 weights of cross-entropy, or None for equal weights.
        dice_weight, cross_entropy_weight, lovasz_weight: weights of the terms; 0 omits a term.
        focal_gamma: exponent of (1 - probability of the label) in cross-entropy (Lin et al., arXiv 1708.02002).
        label_smoothing: mass of the label spread over all classes (Szegedy et al., arXiv 1512.00567, section 7).
        teacher_weight: weight of the distillation term; the other terms have 1 minus it.
        spread: whether each process holds a share of the batch and the loss is that of the whole batch.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        class_weights: Tensor | None = None,
        dice_weight: float = 0.0,
        *,
        cross_entropy_weight: float = 1.0,
        lovasz_weight: float = 0.0,
        focal_gamma: float = 0.0,
        label_smoothing: float = 0.0,
        teacher_weight: float = 0.0,
        spread: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)
        self.dice_weight, self.cross_entropy_weight = dice_weight, cross_entropy_weight
        self.lovasz_weight, self.teacher_weight = lovasz_weight, teacher_weight
        self.focal_gamma, self.label_smoothing, self.spread = focal_gamma, label_smoothing, spread

    @classmethod
    def of(cls, config: ExperimentConfig, share: np.ndarray, spread: bool = False) -> SegmentationLoss:
        """Return the loss of a config, given the (19,) pixel ``share`` of each class in the training split."""
        return cls(
            class_weights(config.class_weights, share),
            config.dice_weight,
            cross_entropy_weight=config.cross_entropy_weight,
            lovasz_weight=config.lovasz_weight,
            focal_gamma=config.focal_gamma,
            label_smoothing=config.label_smoothing,
            teacher_weight=config.teacher_weight,
            spread=spread,
        )

    def forward(self, logits: Tensor, labels: Tensor, teacher: Tensor | None = None) -> Tensor:
        """Return the scalar loss of (N, 19, H, W) logits and labels, and a (N, 19, H, W) teacher if any."""
        logits, labels = logits.float(), labels.long()
        total = self._supervised(logits, labels)
        if self.lovasz_weight:
            total = total + self.lovasz_weight * lovasz_softmax_loss(logits, labels, self.spread)
        if teacher is not None:
            distilled = distillation_loss(logits, teacher, self.class_weights, self.spread)
            total = (1 - self.teacher_weight) * total + self.teacher_weight * distilled
        return total

    def _supervised(self, logits: Tensor, labels: Tensor) -> Tensor:
        both = self.cross_entropy_weight and self.dice_weight
        if both and not (self.focal_gamma or self.label_smoothing):
            return cross_entropy_and_dice(
                logits, labels, self.class_weights, self.cross_entropy_weight, self.dice_weight, self.spread
            )
        total = logits.new_zeros(())
        if self.cross_entropy_weight:
            total = total + self.cross_entropy_weight * self._cross_entropy(logits, labels)
        if self.dice_weight:
            total = total + self.dice_weight * soft_dice_loss(logits, labels, self.spread)
        return total

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = self.class_weights
        scored = labels.ne(IGNORE_INDEX)
        truth = labels.where(scored, 0)
        mass = scored.sum() if weights is None else weights[truth].mul(scored).sum()
        if self.focal_gamma:
            log_p = logits.log_softmax(1).gather(1, truth[:, None])[:, 0]
            # Bounded away from 0, where the gradient of a power below one is infinite.
            wrong = (-torch.expm1(log_p)).clamp_min(1e-6)
            per_pixel = -(wrong**self.focal_gamma) * log_p * scored
            total = (per_pixel if weights is None else per_pixel * weights[truth]).sum()
        else:
            smoothing = self.label_smoothing
            total = F.cross_entropy(
                logits, labels, weights, ignore_index=IGNORE_INDEX, reduction="sum", label_smoothing=smoothing
            )
        if self.spread:
            total, mass = distributed.all_reduce_sum(total), distributed.all_reduce_sum(mass)
        # A batch of void pixels only has loss 0; a plain mean would give 0 / 0.
        return total / mass.clamp_min(1)
