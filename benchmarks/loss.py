"""The fused training loss against the same loss through PyTorch's autograd.

    python -m benchmarks.loss [--height N] [--width N] [--batch N] [--rounds N]

The limit is memory bandwidth: 19 float32 logits per pixel read once and their gradient written once, 152 bytes.
"""

from __future__ import annotations

from typing import Annotated

import torch
import typer
from torch import Tensor

from benchmarks.common import alternate
from cityseg.classes import NUM_CLASSES
from cityseg.engine.runtime.device import best_device, device_name
from cityseg.losses.ce_dice import cross_entropy_and_dice
from cityseg.losses.dice import soft_dice_loss
from cityseg.losses.segmentation import SegmentationLoss


def main(
    height: Annotated[int, typer.Option(help="Pixels.")] = 256,
    width: Annotated[int, typer.Option(help="Pixels.")] = 512,
    batch: Annotated[int, typer.Option(help="Frames per batch.")] = 8,
    rounds: Annotated[int, typer.Option(help="Rounds; the best one counts.")] = 5,
) -> None:
    """Print milliseconds per frame of both, forward and backward, and of a copy of as many bytes."""
    device = best_device()
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, NUM_CLASSES, height, width, generator=random).to(device)
    logits = logits.contiguous(memory_format=torch.channels_last).requires_grad_()
    labels = torch.randint(0, NUM_CLASSES, (batch, height, width), generator=random).to(device)
    weights = torch.linspace(1.5, 10, NUM_CLASSES, device=device)
    cross_entropy = SegmentationLoss(weights)
    source, target = logits.detach().clone(), torch.empty_like(logits)

    def step(total: Tensor) -> None:
        logits.grad = None
        total.backward()

    sides = {
        "autograd": lambda: step(cross_entropy(logits, labels) + soft_dice_loss(logits, labels)),
        "fused": lambda: step(cross_entropy_and_dice(logits, labels, weights, 1.0, 1.0)),
        "a copy": lambda: target.copy_(source),
    }
    watch = alternate(sides, rounds, device)
    print(f"{height}x{width}, batches of {batch}, on {device_name(device)}")
    for name in sides:
        ratio = watch.ratio(name, batch, "autograd", batch)
        print(f"{name:10}{1000 / ratio.frames_per_second:8.2f} ms per frame, {ratio.ratio:5.2f} times as fast")


if __name__ == "__main__":
    typer.run(main)
