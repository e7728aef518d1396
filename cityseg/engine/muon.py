"""Muon: an optimiser with orthogonalised momentum.

The momentum of a weight matrix is replaced by the nearest orthogonal matrix, so that rare gradient directions learn as
fast as frequent ones (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024;
the coefficients of the Newton-Schulz iteration are theirs). AdamW updates biases,
normalisations, depthwise kernels, and the first and the last layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cityseg.classes import NUM_CLASSES

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_MOMENTUM = 0.95
_RATE = 10 / 3
"""Learning rate of matrices relative to AdamW's: the entries of an orthogonal matrix are small."""


class Muon(torch.optim.AdamW):
    """Muon for the matrices of a network, AdamW for everything else, with one learning rate for both.

    ``lr`` is AdamW's; matrices have 10/3 of it. ``weight_decay`` is decoupled and multiplied by the learning rate.
    """

    def __init__(self, model: nn.Module, *, lr: float, weight_decay: float) -> None:
        chosen = [weight for weight in model.parameters() if is_matrix(weight)]
        others = [weight for weight in model.parameters() if not is_matrix(weight)]
        groups = [{"params": part, "orthogonal": part is chosen} for part in (chosen, others) if part]
        super().__init__(groups, lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; it discards the gradients of matrices."""
        for group in self.param_groups:
            if group["orthogonal"]:
                by_shape: dict[torch.Size, list[Tensor]] = {}
                for weight in group["params"]:
                    if weight.grad is not None:
                        by_shape.setdefault(weight.flatten(1).shape, []).append(weight)
                # Matrices of one shape form a batch: on a GPU, launching a small product takes longer than the product.
                for weights in by_shape.values():
                    self._update_matrices(weights, group["lr"] * _RATE, group["weight_decay"])
        return super().step(closure)

    def _update_matrices(self, weights: list[Tensor], rate: float, weight_decay: float) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        momenta = [self._momentum(weight) for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - _MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, _MOMENTUM)
        directions = orthogonalized(torch.stack([matrix.flatten(1) for matrix in ahead]))
        rows, columns = directions.shape[-2:]
        steps = [direction.view_as(weight) for direction, weight in zip(directions, weights, strict=True)]
        torch._foreach_mul_(weights, 1 - rate * weight_decay)
        torch._foreach_add_(weights, steps, alpha=-rate * max(1.0, rows / columns) ** 0.5)
        for weight in weights:
            # AdamW skips weights without a gradient.
            weight.grad = None

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            # AdamW expects a step count in the state of every weight.
            state["step"], state["momentum"] = torch.tensor(0.0), torch.zeros_like(weight)
        state["step"] += 1
        momentum: Tensor = state["momentum"]
        return momentum


def is_matrix(weight: Tensor) -> bool:
    """Whether a weight is a convolution between hidden layers that mixes channels."""
    return weight.ndim == 4 and weight.shape[1] > 3 and weight.shape[0] != NUM_CLASSES


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return approximately U V^T of (..., R, C) matrices U S V^T, by Newton-Schulz iteration in float32.

    The singular values become 0.7 to 1.2.
    """
    linear, cubic, quintic = _COEFFICIENTS
    rows, columns = matrices.shape[-2:]
    x = matrices.float().reshape(-1, rows, columns)
    x = x / (torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) + 1e-7)
    if rows > columns:
        x = x.mT
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=cubic, alpha=quintic), x, beta=linear)
    return (x.mT if rows > columns else x).reshape(matrices.shape).to(matrices.dtype)
