"""Distillation: cross-entropy with soft targets."""

from __future__ import annotations

from torch import Tensor

from cityseg import distributed


def distillation_loss(
    logits: Tensor, probabilities: Tensor, class_weights: Tensor | None = None, spread: bool = False
) -> Tensor:
    """Return the cross-entropy with a teacher's probabilities as soft targets, over all pixels of the batch.

    ``-sum(w * p * log q) / sum(w * p)`` over pixels and classes, with w the class weights, p the teacher's (N, C, H, W)
    probabilities and q the softmax of the logits (Hinton et al., arXiv 1503.02531, at temperature 1). For one-hot p it
    is PyTorch's weighted ``cross_entropy``.
    """
    weighted = probabilities if class_weights is None else probabilities * class_weights[:, None, None]
    total, mass = -(weighted * logits.log_softmax(1)).sum(), weighted.sum()
    if spread:
        total, mass = distributed.all_reduce_sum(total), distributed.all_reduce_sum(mass)
    return total / mass
