"""Lovasz-softmax loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg import distributed
from cityseg.classes import IGNORE_INDEX


def lovasz_softmax_loss(logits: Tensor, labels: Tensor, spread: bool = False) -> Tensor:
    """Return the Lovasz-softmax loss over all scored pixels of the batch, averaged over the classes present.

    The convex surrogate of 1 - IoU (Berman, Triki and Blaschko, arXiv 1705.08790, algorithm 1), for all classes at
    once. Void pixels have error 0, which sorts them last, where they add nothing. If the batch is spread over
    processes, their errors are exchanged and ranked together.
    """
    classes = logits.shape[1]
    flat = labels.flatten()
    truth = (flat[None] == torch.arange(classes, device=flat.device)[:, None]).float()
    errors = (truth - logits.softmax(1).transpose(0, 1).reshape(classes, -1)).abs() * flat.ne(IGNORE_INDEX)
    if spread:
        gradient, present = _own_gradient(errors.detach(), flat)
        by_class = distributed.all_reduce_sum((errors * gradient).sum(1))
    else:
        errors, order = errors.sort(1, descending=True)
        gradient, present = _lovasz_gradient(order, flat)
        by_class = (errors * gradient).sum(1)
    return (by_class * present).sum() / present.sum().clamp_min(1)


def _lovasz_gradient(order: Tensor, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (C, P) increments of 1 - IoU along the (C, P) order of errors, and (C,) whether each class occurs."""
    classes = len(order)
    truth = (flat[None] == torch.arange(classes, device=flat.device)[:, None]).float()
    scored = flat.ne(IGNORE_INDEX).expand_as(truth)
    sorted_truth = truth.gather(1, order)
    support = truth.sum(1, keepdim=True)
    remaining_hits = support - sorted_truth.cumsum(1)
    false_positives = (scored.gather(1, order).float() - sorted_truth).cumsum(1)
    jaccard = 1 - remaining_hits / (support + false_positives).clamp_min(1)
    return torch.diff(jaccard, dim=1, prepend=jaccard.new_zeros(classes, 1)), support[:, 0].gt(0)


def _own_gradient(errors: Tensor, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``_lovasz_gradient`` of this process's pixels, ranked among the pixels of all processes."""
    pixels = len(flat)
    # Gathering needs equal shapes; the padding is void.
    missing = distributed.all_reduce_max(pixels) - pixels
    errors, flat = F.pad(errors, (0, missing)), F.pad(flat, (0, missing), value=IGNORE_INDEX)
    order = torch.cat(distributed.all_gather(errors), 1).sort(1, descending=True).indices
    gradient, present = _lovasz_gradient(order, torch.cat(distributed.all_gather(flat)))
    unsorted = torch.zeros_like(gradient).scatter_(1, order, gradient)
    return torch.split(unsorted, len(flat), 1)[distributed.rank()][:, :pixels], present
