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

from cityseg.labels import NUM_CLASSES

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
                rate = group["lr"] * _RATE
                for weight in group["params"]:
                    if weight.grad is not None:
                        self._turn(weight, rate, group["weight_decay"])
                        # AdamW passes over weights without a gradient.
                        weight.grad = None
        return super().step(closure)

    def _turn(self, weight: Tensor, rate: float, weight_decay: float) -> None:
        gradient = weight.grad
        assert gradient is not None
        state = self.state[weight]
        if not state:
            # AdamW, whose state this is a part of, expects every weight's steps to be counted.
            state["step"], state["momentum"] = torch.tensor(0.0), torch.zeros_like(weight)
        state["step"] += 1
        momentum = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        direction = orthogonalized(gradient.lerp(momentum, _MOMENTUM).flatten(1))
        rows, columns = direction.shape
        weight.mul_(1 - rate * weight_decay)
        weight.add_(direction.view_as(weight), alpha=-rate * max(1.0, rows / columns) ** 0.5)


def is_matrix(weight: Tensor) -> bool:
    """Whether a weight is a convolution that mixes the channels of hidden layers."""
    return weight.ndim == 4 and weight.shape[1] > 3 and weight.shape[0] != NUM_CLASSES


def orthogonalized(matrix: Tensor) -> Tensor:
    """Return about U V^T of a matrix U S V^T: singular values of 0.7 to 1.2, in five products of matrices.

    Args:
        matrix: (R, C), any floating point type; computed in float32.
    """
    linear, cubic, quintic = _COEFFICIENTS
    x = matrix.float()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=cubic, alpha=quintic), x, beta=linear)
    return (x.T if tall else x).to(matrix.dtype)
