"""The training loss in one pass against the same loss by PyTorch's automatic slope.

The limit: 19 float32 logits of a pixel read once and their slope written once, 152 bytes a pixel, at the speed with
which the device copies.
"""

from __future__ import annotations

from typing import Annotated

import torch
import typer
from torch import Tensor

from cityseg.classes import NUM_CLASSES
from cityseg.engine.bench.stopwatch import Stopwatch
from cityseg.engine.runtime.device import best_device, device_name
from cityseg.losses.ce_dice import cross_entropy_and_dice
from cityseg.losses.dice import soft_dice_loss
from cityseg.losses.segmentation import SegmentationLoss


def main(
    height: Annotated[int, typer.Option(help="Pixels.")] = 256,
    width: Annotated[int, typer.Option(help="Pixels.")] = 512,
    batch: Annotated[int, typer.Option(help="Frames at once.")] = 8,
    rounds: Annotated[int, typer.Option(help="The best counts.")] = 5,
) -> None:
    """Print milliseconds per frame of both, forward and backward, and of a copy of as many bytes."""
    device = best_device()
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, NUM_CLASSES, height, width, generator=random).to(device)
    logits = logits.contiguous(memory_format=torch.channels_last).requires_grad_()
    labels = torch.randint(0, NUM_CLASSES, (batch, height, width), generator=random).to(device)
    weights = torch.linspace(1.5, 10, NUM_CLASSES, device=device)
    alone = SegmentationLoss(weights)
    flat, other = logits.detach().clone(), torch.empty_like(logits)

    def apart() -> Tensor:
        return alone(logits, labels) + soft_dice_loss(logits, labels)

    def step(total: Tensor) -> None:
        logits.grad = None
        total.backward()

    sides = {
        "automatic": lambda: step(apart()),
        "one pass": lambda: step(cross_entropy_and_dice(logits, labels, weights, 1.0, 1.0)),
        "a copy": lambda: other.copy_(flat),
    }
    watch = Stopwatch(device)
    for _ in range(rounds + 1):
        for name, side in sides.items():
            watch.time(name, side)
    print(f"{height}x{width}, batches of {batch}, on {device_name(device)}")
    for name in sides:
        found = watch.ratio(name, batch, "automatic", batch)
        print(f"{name:10}{1000 / found.frames_per_second:8.2f} ms per frame, {found.ratio:5.2f} times as fast")


if __name__ == "__main__":
    typer.run(main)
