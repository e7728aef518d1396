"""Losses on logits; always computed in float32, void pixels left out.

A loss is a ratio of sums over the pixels of a batch. Where a batch is spread over processes, the sums are those of all
processes, so that every process has the loss of the whole batch.
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


def class_weights(rule: str, share: np.ndarray) -> Tensor | None:
    """Return (19,) float32 weights of cross-entropy, or None where every pixel counts the same.

    ``log``: 1 / ln(1.1 + share), the rule of ENet (Paszke et al., arXiv 1606.02147, section 5.2) with a bound of 10.5.
    ``median``: median share / share (Eigen and Fergus, arXiv 1411.4734, section 6.3.2, by pixels of the whole split).
    ``inverse-root``: 1 / sqrt(share), scaled to a mean of 1. The last two leave out classes that never occur.

    Args:
        rule: ``none``, ``log``, ``median`` or ``inverse-root``.
        share: (19,) share of each class among the scored pixels, 0 to 1.
    """
    if rule == "none":
        return None
    present = share > 0
    if rule == "log":
        weights = 1 / np.log(1.1 + share)
    elif rule == "median":
        weights = np.divide(np.median(share[present]), share, out=np.zeros_like(share), where=present)
    else:
        weights = np.divide(1, np.sqrt(share), out=np.zeros_like(share), where=present)
        weights /= weights[present].mean()
    return torch.tensor(weights, dtype=torch.float32)


def soft_dice_loss(logits: Tensor, labels: Tensor, spread: bool = False) -> Tensor:
    """Return 1 minus the soft Dice coefficient, averaged over the classes present in the batch.

    Per class ``2 * sum(p * t) / (sum(p) + sum(t))`` with p the softmax probability and t the 0/1 truth,
    sums over all scored pixels of the batch (Milletari et al., "V-Net", arXiv 1606.04797, with plain sums).

    Args:
        logits: (N, C, H, W) float32.
        labels: (N, H, W) int64 train ids; ``IGNORE_INDEX`` is left out.
        spread: whether the other processes hold the rest of the batch.
    """
    scored = labels.ne(IGNORE_INDEX)
    probabilities = logits.softmax(1) * scored[:, None]
    target = labels.where(scored, 0)
    hits = probabilities.gather(1, target[:, None])[:, 0]
    # One by one in float32, a million hits of a class would add up to some percent too few.
    zeros = torch.zeros(logits.shape[1], dtype=torch.float64, device=logits.device)
    overlap = zeros.index_add(0, target.flatten(), hits.flatten().double()).to(logits.dtype)
    support = zeros.index_add(0, target.flatten(), scored.flatten().double()).to(logits.dtype)
    mass = probabilities.sum((0, 2, 3))
    if spread:
        overlap, support, mass = distributed.pooled(torch.stack([overlap, support, mass]))
    dice = 2 * overlap / (mass + support).clamp_min(1)
    present = support.gt(0)
    return 1 - (dice * present).sum() / present.sum().clamp_min(1)


def taught_cross_entropy(
    logits: Tensor, probabilities: Tensor, class_weights: Tensor | None = None, spread: bool = False
) -> Tensor:
    """Return the cross-entropy with a teacher's probabilities in place of labels, over all pixels of the batch.

    ``-sum(w * p * log q) / sum(w * p)`` over pixels and classes, with p the teacher's and q the softmax probabilities;
    where p is a label's, it is the weighted mean of PyTorch's ``cross_entropy``.

    Args:
        logits: (N, C, H, W) float32.
        probabilities: (N, C, H, W) float32, summing to 1 over C.
        class_weights: (C,) weights w, or None for 1.
        spread: whether the other processes hold the rest of the batch.
    """
    weighted = probabilities if class_weights is None else probabilities * class_weights[:, None, None]
    total, mass = -(weighted * logits.log_softmax(1)).sum(), weighted.sum()
    if spread:
        total, mass = distributed.pooled(total), distributed.pooled(mass)
    return total / mass


def lovasz_softmax_loss(logits: Tensor, labels: Tensor, spread: bool = False) -> Tensor:
    """Return the Lovasz-softmax loss over all scored pixels of the batch, averaged over the classes present.

    The convex surface of 1 - IoU (Berman, Triki and Blaschko, arXiv 1705.08790, algorithm 1), for all classes at
    once. Void pixels are given no error, which sorts them last, where they add nothing.

    Args:
        logits: (N, C, H, W) float32.
        labels: (N, H, W) int64 train ids; ``IGNORE_INDEX`` is left out.
        spread: whether the other processes hold the rest of the batch; they exchange their errors, to rank them all.
    """
    classes = logits.shape[1]
    flat = labels.flatten()
    truth = (flat[None] == torch.arange(classes, device=flat.device)[:, None]).float()
    errors = (truth - logits.softmax(1).transpose(0, 1).reshape(classes, -1)).abs() * flat.ne(IGNORE_INDEX)
    if spread:
        growth, present = _growth_of_own(errors.detach(), flat)
        by_class = distributed.pooled((errors * growth).sum(1))
    else:
        errors, order = errors.sort(1, descending=True)
        growth, present = _growth(order, flat)
        by_class = (errors * growth).sum(1)
    return (by_class * present).sum() / present.sum().clamp_min(1)


def _growth(order: Tensor, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return (C, P) how much each pixel adds to 1 - IoU in the (C, P) order of errors, and (C,) which classes occur."""
    classes = len(order)
    truth = (flat[None] == torch.arange(classes, device=flat.device)[:, None]).float()
    scored = flat.ne(IGNORE_INDEX).expand_as(truth)
    sorted_truth = truth.gather(1, order)
    support = truth.sum(1, keepdim=True)
    hits_left = support - sorted_truth.cumsum(1)
    others = (scored.gather(1, order).float() - sorted_truth).cumsum(1)
    jaccard = 1 - hits_left / (support + others).clamp_min(1)
    return torch.diff(jaccard, dim=1, prepend=jaccard.new_zeros(classes, 1)), support[:, 0].gt(0)


def _growth_of_own(errors: Tensor, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return what ``_growth`` does, for a process's own pixels in their own order among those of all processes."""
    pixels = len(flat)
    # An exchange needs shares of one size; what is added is void.
    missing = distributed.largest(pixels) - pixels
    errors, flat = F.pad(errors, (0, missing)), F.pad(flat, (0, missing), value=IGNORE_INDEX)
    order = torch.cat(distributed.gathered(errors), 1).sort(1, descending=True).indices
    growth, present = _growth(order, torch.cat(distributed.gathered(flat)))
    unsorted = torch.zeros_like(growth).scatter_(1, order, growth)
    return unsorted.split(len(flat), 1)[distributed.rank()][:, :pixels], present


class SegmentationLoss(nn.Module):
    """A weighted sum of cross-entropy (or focal), soft Dice and Lovasz-softmax losses.

    Args:
        class_weights: (19,) float32 weights of cross-entropy, or None to treat pixels alike.
        dice_weight: weight of the Dice term; 0 leaves it out.
        cross_entropy_weight: weight of the cross-entropy term; 0 leaves it out.
        lovasz_weight: weight of the Lovasz term; 0 leaves it out.
        focal_gamma: power of (1 - probability of the truth) in cross-entropy (Lin et al., arXiv 1708.02002).
        label_smoothing: share of the truth spread over all classes (Szegedy et al., arXiv 1512.00567, section 7).
        teacher_weight: share of the whole that a teacher's probabilities decide where there are any.
        spread: whether each process holds a share of the batch and the loss is that of the whole.
    """

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
        self.dice_weight, self.cross_entropy_weight, self.lovasz_weight = (
            dice_weight,
            cross_entropy_weight,
            lovasz_weight,
        )
        self.focal_gamma, self.label_smoothing, self.spread = focal_gamma, label_smoothing, spread
        self.teacher_weight = teacher_weight

    @classmethod
    def of(cls, config: ExperimentConfig, share: np.ndarray, spread: bool = False) -> SegmentationLoss:
        """Return the loss of a recipe for a training split with this (19,) ``share`` of each class."""
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

    def forward(self, logits: Tensor, labels: Tensor, taught: Tensor | None = None) -> Tensor:
        """Return the scalar loss of (N, 19, H, W) logits against (N, H, W) integer train ids.

        With (N, 19, H, W) probabilities of a teacher as ``taught``, these decide their share of it.
        """
        logits, labels = logits.float(), labels.long()
        total = self._by_pixel_and_class(logits, labels)
        if self.lovasz_weight:
            total = total + self.lovasz_weight * lovasz_softmax_loss(logits, labels, self.spread)
        if taught is not None:
            weights: Tensor | None = self.class_weights  # type: ignore[assignment]
            learnt = taught_cross_entropy(logits, taught, weights, self.spread)
            total = (1 - self.teacher_weight) * total + self.teacher_weight * learnt
        return total

    def _by_pixel_and_class(self, logits: Tensor, labels: Tensor) -> Tensor:
        both = self.cross_entropy_weight and self.dice_weight
        if both and not (self.focal_gamma or self.label_smoothing):
            weights: Tensor | None = self.class_weights  # type: ignore[assignment]
            return cross_entropy_and_dice(
                logits, labels, weights, self.cross_entropy_weight, self.dice_weight, self.spread
            )
        total = logits.new_zeros(())
        if self.cross_entropy_weight:
            total = total + self.cross_entropy_weight * self._cross_entropy(logits, labels)
        if self.dice_weight:
            total = total + self.dice_weight * soft_dice_loss(logits, labels, self.spread)
        return total

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights: Tensor | None = self.class_weights  # type: ignore[assignment]
        scored = labels.ne(IGNORE_INDEX)
        truth = labels.where(scored, 0)
        mass = scored.sum() if weights is None else weights[truth].mul(scored).sum()
        if self.focal_gamma:
            log_p = logits.log_softmax(1).gather(1, truth[:, None])[:, 0]
            # Not quite zero: the slope of a power below one has no end there.
            wrong = (-torch.expm1(log_p)).clamp_min(1e-6)
            per_pixel = -(wrong**self.focal_gamma) * log_p * scored
            total = (per_pixel if weights is None else per_pixel * weights[truth]).sum()
        else:
            total = F.cross_entropy(
                logits,
                labels,
                weights,
                ignore_index=IGNORE_INDEX,
                reduction="sum",
                label_smoothing=self.label_smoothing,
            )
        if self.spread:
            total, mass = distributed.pooled(total), distributed.pooled(mass)
        # A batch of void alone has no loss, where a plain mean would give 0 / 0.
        return total / mass.clamp_min(1)
