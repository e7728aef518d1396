"""Muon: steps of equal length in all directions of a weight matrix.

The momentum of a matrix is replaced by the nearest orthogonal one, so that directions which the gradient rarely shows
learn as fast as those it always shows (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024;
the coefficients of the Newton-Schulz iteration are theirs). Biases, normalisations, depthwise kernels, the first and
the last layer, which are no matrices between hidden layers, are left to AdamW.
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
"""A matrix's learning rate over that of the other weights: the entries of an orthogonal matrix are small."""


class Muon(torch.optim.AdamW):
    """Muon for the matrices of a network, AdamW for everything else, with one learning rate for both.

    Args:
        model: whose weights are trained.
        lr: learning rate of AdamW; matrices move 10/3 as fast.
        weight_decay: share of a weight, times its learning rate, that a step takes away.
    """

    def __init__(self, model: nn.Module, *, lr: float, weight_decay: float) -> None:
        chosen = [weight for weight in model.parameters() if is_matrix(weight)]
        others = [weight for weight in model.parameters() if not is_matrix(weight)]
        groups = [{"params": part, "orthogonal": part is chosen} for part in (chosen, others) if part]
        super().__init__(groups, lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; the gradients of matrices are gone after it."""
        for group in self.param_groups:
            if group["orthogonal"]:
                alike: dict[torch.Size, list[Tensor]] = {}
                for weight in group["params"]:
                    if weight.grad is not None:
                        alike.setdefault(weight.flatten(1).shape, []).append(weight)
                # Matrices of one shape turn together: a GPU takes longer to be told of a small product than to do it.
                for weights in alike.values():
                    self._turn(weights, group["lr"] * _RATE, group["weight_decay"])
        return super().step(closure)

    def _turn(self, weights: list[Tensor], rate: float, weight_decay: float) -> None:
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
            # AdamW passes over weights without a gradient.
            weight.grad = None

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            # AdamW, whose state this is a part of, expects every weight's steps to be counted.
            state["step"], state["momentum"] = torch.tensor(0.0), torch.zeros_like(weight)
        state["step"] += 1
        momentum: Tensor = state["momentum"]
        return momentum


def is_matrix(weight: Tensor) -> bool:
    """Whether a weight is a convolution that mixes the channels of hidden layers."""
    return weight.ndim == 4 and weight.shape[1] > 3 and weight.shape[0] != NUM_CLASSES


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return about U V^T of matrices U S V^T: singular values of 0.7 to 1.2, in five products of matrices.

    Args:
        matrices: (..., R, C), any floating point type; computed in float32.
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
