"""Copy host data to the training device without waiting for the device."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """Return ``values`` on ``device`` without blocking the host.

    A copy from pageable memory waits for all pending work of the GPU; a copy from pinned memory does not.
    """
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


@cache
def constants(values: tuple[float | tuple[float, ...], ...], device: torch.device) -> Tensor:
    """Return numbers or rows of numbers as float32 on ``device``; they are copied once, not in every step."""
    return torch.tensor(values, dtype=torch.float32, device=device)
