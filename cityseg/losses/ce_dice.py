"""Cross-entropy and soft Dice of the same logits, with one softmax for both and a closed-form gradient.

PyTorch's autograd reads and writes the logits about fifty times for the two terms, which took a quarter of a training
step at full size. Five times are enough: ``benchmarks/loss.py`` compares both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cityseg import distributed
from cityseg.classes import IGNORE_INDEX


def cross_entropy_and_dice(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    cross_entropy_weight: float,
    dice_weight: float,
    spread: bool = False,
) -> Tensor:
    """Return the weighted sum of cross-entropy and soft Dice loss, as ``SegmentationLoss`` defines them.

    Logits of any floating point dtype, fastest with channels last.
    """
    result: Tensor = _CrossEntropyAndDice.apply(
        logits, labels, class_weights, cross_entropy_weight, dice_weight, spread
    )
    return result


class _CrossEntropyAndDice(torch.autograd.Function):
    """Per pixel, let s be 1 if scored, t its label, p its (C,) probabilities and e its share of the cross-entropy.

    With a_c and b_c the derivatives of the Dice term by class c's sum of probabilities and by its hits, the gradient by
    logit k is ``p_k * (s * (a_k - p.a - b_t * p_t) + e)``, plus ``s * b_t * p_t - e`` at k = t.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        labels: Tensor,
        class_weights: Tensor | None,
        cross_entropy_weight: float,
        dice_weight: float,
        spread: bool,
    ) -> Tensor:
        count, classes, height, width = logits.shape
        with _without_autocast(logits.device):
            scored = labels.reshape(-1).ne(IGNORE_INDEX)
            truth = labels.reshape(-1).where(scored, 0)
            s = scored.to(logits.dtype)
            p = logits.permute(0, 2, 3, 1).reshape(-1, classes).log_softmax(1)
            log_p_truth = p.gather(1, truth[:, None])[:, 0]
            p.exp_()
            weight = s if class_weights is None else class_weights.to(s)[truth] * s
            hits = log_p_truth.exp() * s
            # float64: a sum of a million float32 hits, one by one, would be some per cent too low.
            zeros = p.new_zeros(classes, dtype=torch.float64)
            overlap, support = zeros.index_add(0, truth, hits.double()), zeros.index_add(0, truth, s.double())
            sums = torch.cat([overlap, support, s @ p, torch.stack([weight.sum(), weight @ log_p_truth])])
            sums = (distributed.all_reduce_sum(sums) if spread else sums).to(p.dtype)
            overlap, support, mass, (total, likelihood) = torch.split(sums, [classes, classes, classes, 2])
            total, mass = total.clamp_min(1), mass + support
            size, present = mass.clamp_min(1), support.gt(0)
            part = present / present.sum().clamp_min(1)
            dice = 2 * overlap / size
            by_mass, by_overlap = dice / size * part * mass.ge(1), -2 * part / size
            ctx.save_for_backward(p, truth, s, weight / total, hits, dice_weight * by_mass, dice_weight * by_overlap)
            ctx.cross_entropy_weight, ctx.shape = cross_entropy_weight, (count, height, width, classes)
            # DDP averages the gradients of processes, but each holds its pixels' part of the sum.
            ctx.processes = distributed.count() if spread else 1
            # A batch of void pixels alone has loss 0.
            dice_loss = present.any().to(p.dtype) - (dice * part).sum()
            result: Tensor = dice_weight * dice_loss - cross_entropy_weight * likelihood / total
            return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        p, truth, s, share, hits, by_mass, by_overlap = ctx.saved_tensors
        with _without_autocast(p.device):
            upstream = upstream * ctx.processes
            a, e = by_mass * upstream, share * (upstream * ctx.cross_entropy_weight)
            at_truth = hits * (by_overlap * upstream)[truth]
            common = e - s * (p @ a) - at_truth
            gradient = torch.addcmul(common[:, None], s[:, None], a[None]).mul_(p)
            gradient.scatter_add_(1, truth[:, None], (at_truth - e)[:, None])
        return gradient.view(ctx.shape).permute(0, 3, 1, 2), None, None, None, None, None


def _without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Disable autocast, which would round sums over all pixels to bfloat16."""
    kind = device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
