"""Inference speed of a model on single photos."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import nn

from cityseg.data.batches import Normalization
from cityseg.engine.runtime.device import device_name
from cityseg.metrics import most_probable
from cityseg.models.fused import for_inference

_WARM_UP, _PASSES, _SECONDS = 2, 20, 2.0


def measure_speed(
    model: nn.Module, size: tuple[int, int], normalization: Normalization, device: torch.device
) -> dict[str, Any]:
    """Measure a model on single frames, from uint8 pixels on the device to the class of every pixel.

    The model is in evaluation mode on the device, and measured in its ``for_inference`` form.

    Returns:
        ``frames_per_second``, from the median of up to 20 passes within about two seconds, and the ``device``'s name.
    """
    model = for_inference(model, device)
    photo = torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    photo = photo.to(device)
    seconds: list[float] = []
    with torch.no_grad():
        for number in range(_WARM_UP + _PASSES):
            start = time.perf_counter()
            # Copying the result back synchronises with the device, as every caller with one photo has to.
            most_probable(model(normalization.apply(photo)).float()).cpu()
            if number >= _WARM_UP:
                seconds.append(time.perf_counter() - start)
                if sum(seconds) > _SECONDS:
                    break
    return {"frames_per_second": round(1 / statistics.median(seconds), 2), "device": device_name(device)}
