"""Dtypes of a training step, and bfloat16 convolutions on CPUs without bfloat16 instructions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cityseg.config import Precision

_FORWARD, _BACKWARD = torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default
_CHUNK = 16
"""Frames widened at a time: few enough that their float32 copies stay near the processor."""


class WidenedConvolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Compute bfloat16 convolutions in float32 and round their results to bfloat16.

    Hardware with bfloat16 instructions multiplies bfloat16 numbers exactly and accumulates in float32, so
    this gives the same results up to the order of summation. Without such instructions PyTorch falls back
    to loops that are about twenty times slower than float32 (``benchmarks/cpu_step.py`` shows the ratio).
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Widen the two convolution operators; leave everything else alone."""
        if func is _FORWARD and args[0].dtype == torch.bfloat16:
            return _convolve(*args)
        if func is _BACKWARD and args[0].dtype == torch.bfloat16:
            return _convolve_backward(*args)
        return func(*args, **(kwargs or {}))


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *settings: Any) -> Tensor:
    weight, bias = weight.float(), None if bias is None else bias.float()
    return torch.cat([_FORWARD(part.float(), weight, bias, *settings).bfloat16() for part in torch.split(x, _CHUNK)])


def _convolve_backward(grad: Tensor, x: Tensor, weight: Tensor, *settings: Any) -> tuple[Tensor | None, ...]:
    weight = weight.float()
    inputs: list[Tensor] = []
    sums: list[Tensor | None] = [None, None]
    for grad_part, x_part in zip(torch.split(grad, _CHUNK), torch.split(x, _CHUNK), strict=True):
        grad_x, *grads = _BACKWARD(grad_part.float(), x_part.float(), weight, *settings)
        if grad_x is not None:
            inputs.append(grad_x.bfloat16())
        sums = [new if old is None else old.add_(new) for old, new in zip(sums, grads, strict=True)]
    return (torch.cat(inputs) if inputs else None, *(None if part is None else part.bfloat16() for part in sums))


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether convolutions in bfloat16 run on instructions made for them."""
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Run forward *and backward* passes inside this block to compute them in ``precision``.

    ``bfloat16`` is autocast: float32 weights, bfloat16 convolutions. ``pure-bfloat16`` expects weights and
    inputs that are bfloat16 already. The same code serves CPU and CUDA.
    """
    with ExitStack() as stack:
        if precision != "float32" and device.type == "cpu" and not has_native_bfloat16(device):
            stack.enter_context(WidenedConvolutions())  # type: ignore[no-untyped-call]
        if precision == "bfloat16":
            stack.enter_context(torch.autocast(device.type, torch.bfloat16))
        yield
