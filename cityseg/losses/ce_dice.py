"""Cross-entropy and soft Dice of the same logits, with one softmax for both and their slope in closed form.

PyTorch's automatic slope reads and writes the logits about fifty times for the two together, which at full size took a
quarter of a training step. Five times are enough: ``benchmarks/loss.py`` compares both.
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
    """Return the weighted sum of cross-entropy and soft Dice loss, as ``cityseg.losses.segmentation`` defines them.

    Args:
        logits: (N, C, H, W) floating point, fastest where the channels of a pixel lie side by side.
        labels: (N, H, W) int64 train ids; ``IGNORE_INDEX`` is left out.
        class_weights: (C,) weights of cross-entropy, or None to treat pixels alike.
        cross_entropy_weight: weight of the cross-entropy loss.
        dice_weight: weight of the soft Dice loss.
        spread: whether the other processes hold the rest of the batch.
    """
    result: Tensor = _CrossEntropyAndDice.apply(
        logits, labels, class_weights, cross_entropy_weight, dice_weight, spread
    )
    return result


class _CrossEntropyAndDice(torch.autograd.Function):
    """With P pixels and C classes: s 1 where a pixel is scored, t its truth, p its (C,) probabilities.

    Both slopes by p are sums over the classes, so with a_c and b_c the slopes of the Dice term by class c's sum of
    probabilities and by its hits, and e a pixel's share of the cross-entropy, the slope by logit k is
    ``p_k * (s * (a_k - p.a - b_t * p_t) + e)``, and at k = t also ``s * b_t * p_t - e``.
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
        with _exactly(logits.device):
            scored = labels.reshape(-1).ne(IGNORE_INDEX)
            truth = labels.reshape(-1).where(scored, 0)
            s = scored.to(logits.dtype)
            p = logits.permute(0, 2, 3, 1).reshape(-1, classes).log_softmax(1)
            log_p_truth = p.gather(1, truth[:, None])[:, 0]
            p.exp_()
            weight = s if class_weights is None else class_weights.to(s)[truth] * s
            hits = log_p_truth.exp() * s
            # One by one in float32, a million hits of a class would add up to some percent too few.
            zeros = p.new_zeros(classes, dtype=torch.float64)
            overlap, support = zeros.index_add(0, truth, hits.double()), zeros.index_add(0, truth, s.double())
            sums = torch.cat([overlap, support, s @ p, torch.stack([weight.sum(), weight @ log_p_truth])])
            sums = (distributed.pooled(sums) if spread else sums).to(p.dtype)
            overlap, support, mass, (total, likelihood) = sums.split([classes, classes, classes, 2])
            total, mass = total.clamp_min(1), mass + support
            size, present = mass.clamp_min(1), support.gt(0)
            part = present / present.sum().clamp_min(1)
            dice = 2 * overlap / size
            by_mass, by_overlap = dice / size * part * mass.ge(1), -2 * part / size
            ctx.save_for_backward(p, truth, s, weight / total, hits, dice_weight * by_mass, dice_weight * by_overlap)
            ctx.cross_entropy_weight, ctx.shape = cross_entropy_weight, (count, height, width, classes)
            # The gradients of all processes are averaged, where each has its pixels' part of the whole.
            ctx.processes = distributed.count() if spread else 1
            return dice_weight * (1 - (dice * part).sum()) - cross_entropy_weight * likelihood / total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        p, truth, s, share, hits, by_mass, by_overlap = ctx.saved_tensors
        with _exactly(p.device):
            slope = slope * ctx.processes
            a, e = by_mass * slope, share * (slope * ctx.cross_entropy_weight)
            at_truth = hits * (by_overlap * slope)[truth]
            whole = e - s * (p @ a) - at_truth
            slopes = torch.addcmul(whole[:, None], s[:, None], a[None]).mul_(p)
            slopes.scatter_add_(1, truth[:, None], (at_truth - e)[:, None])
        return slopes.view(ctx.shape).permute(0, 3, 1, 2), None, None, None, None, None


def _exactly(device: torch.device) -> AbstractContextManager[Any]:
    """Keep autocast, which would round sums over all pixels to bfloat16, out of a block."""
    kind = device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
