"""Deep supervision: auxiliary classification heads on coarser decoder levels of a U-Net, during training only.

Their losses reach the deep layers by a short path (Lee et al., "Deeply-Supervised Nets", arXiv 1409.5185; in a U-Net,
UNet++, arXiv 1807.10165). Checkpoint and parameter count are those of a U-Net trained without them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cityseg.classes import NUM_CLASSES
from cityseg.config import ExperimentConfig
from cityseg.models import UNet

_LEVELS = 3
"""Levels below the finest; a pixel of the third covers at least eight, and coarser ones lose thin objects."""


class DeeplySupervised(nn.Module):
    """A ``UNet``, whose weights are shared, with auxiliary heads on up to three decoder levels below the finest.

    The last of these may be the bottleneck; ``strides`` are the levels' downsampling with respect to the frame.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        assert isinstance(model, UNet)
        self.model = model
        heads = [nn.Conv2d(width, NUM_CLASSES, 1) for width in model.widths[1 : 1 + _LEVELS]]
        self.heads = nn.ModuleList(heads)
        self.strides = [model.downsampling * 2**level for level in range(1, 1 + len(heads))]

    def forward(self, x: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the (N, 19, H, W) logits of the network, and the (N, 19, h, w) logits of the head of each stride."""
        finest, *coarser = self.model.features(x, len(self.heads))
        logits = {
            stride: head(features) for stride, head, features in zip(self.strides, self.heads, coarser, strict=True)
        }
        return self.model.classify(finest, x.shape[-2:]), logits


class DeepLoss(nn.Module):
    """A loss of the finest logits plus ``weight`` times the mean of the same loss over the coarser levels."""

    def __init__(self, loss: nn.Module, weight: float) -> None:
        super().__init__()
        self.loss, self.weight = loss, weight

    def forward(
        self, logits: tuple[Tensor, dict[int, Tensor]], labels: Tensor, teacher: Tensor | None = None
    ) -> Tensor:
        """Return the scalar loss of the output of ``DeeplySupervised``."""
        finest, coarser = logits
        losses = [
            self.loss(
                level, at_stride(labels, stride, level), None if teacher is None else at_stride(teacher, stride, level)
            )
            for stride, level in coarser.items()
        ]
        total: Tensor = self.loss(finest, labels, teacher) + self.weight * torch.stack(losses).mean()
        return total


def at_stride(maps: Tensor, stride: int, level: Tensor) -> Tensor:
    """Subsample (..., H, W) maps of a frame to the pixels of a coarser (..., h, w) level: (..., h, w), a view.

    Takes one pixel next to the centre of each square of side ``stride``, so that every class keeps its expected pixel
    share; a majority vote would erase poles and signs. If H or W does not halve evenly, the level is centred in the
    frame.
    """
    height, width = level.shape[-2:]
    top, left = (maps.shape[-2] - stride * height) // 2, (maps.shape[-1] - stride * width) // 2
    rows = slice(top + stride // 2, top + stride * height, stride)
    columns = slice(left + stride // 2, left + stride * width, stride)
    return maps[..., rows, columns]


def supervised(config: ExperimentConfig, model: nn.Module) -> nn.Module:
    """Return the network with auxiliary heads if the config has deep supervision, else the network itself.

    The heads are initialised from PyTorch's generator, right after the network's own weights.
    """
    if not config.deep_supervision:
        return model
    network = DeeplySupervised(model)
    network.heads.to(network.model.head.weight)
    return network
