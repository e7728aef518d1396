"""Deep supervision: coarser levels of a U-Net's way up learn to tell the classes too, as long as it trains.

The next levels below the finest get last layers of their own, whose loss reaches the deep layers on a short way (Lee et
al., "Deeply-Supervised Nets", arXiv 1409.5185; in a U-Net, UNet++, arXiv 1807.10165). These heads belong to the
training: the network itself, its checkpoint and its number of parameters are those of a U-Net trained without them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cityseg.classes import NUM_CLASSES
from cityseg.config import ExperimentConfig
from cityseg.models import UNet

_LEVELS = 3
"""Below the finest level; a pixel of the third is at least eight wide, and thin things are lost in coarser ones."""


class DeeplySupervised(nn.Module):
    """A U-Net with heads on the coarser levels of its way up.

    Args:
        model: a ``UNet``, whose weights stay its own.

    Attributes:
        heads: one for each of the next levels below the finest, up to three, of which the last may be the bottleneck.
        strides: how many times smaller than the frame their levels are.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        assert isinstance(model, UNet)
        self.model = model
        heads = [nn.Conv2d(width, NUM_CLASSES, 1) for width in model.widths[1 : 1 + _LEVELS]]
        self.heads = nn.ModuleList(heads)
        self.strides = [model.downsampling * 2**level for level in range(1, 1 + len(heads))]

    def forward(self, x: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the network's logits, and those of the coarser levels.

        Args:
            x: (N, 3, H, W) photos, as the network takes them.

        Returns:
            (N, 19, H, W) logits, and by how many times smaller a level is than the frame its (N, 19, h, w) logits.
        """
        finest, *coarser = self.model.features(x, len(self.heads))
        logits = {
            stride: head(features) for stride, head, features in zip(self.strides, self.heads, coarser, strict=True)
        }
        return self.model.classify(finest, x.shape[-2:]), logits


class DeepLoss(nn.Module):
    """A loss of the finest logits and, with a weight, the mean of the same loss over the coarser levels.

    Args:
        loss: of (N, 19, H, W) logits, (N, H, W) labels and a teacher's (N, 19, H, W) probabilities or None.
        weight: of the mean over the coarser levels.
    """

    def __init__(self, loss: nn.Module, weight: float) -> None:
        super().__init__()
        self.loss, self.weight = loss, weight

    def forward(
        self, logits: tuple[Tensor, dict[int, Tensor]], labels: Tensor, teacher: Tensor | None = None
    ) -> Tensor:
        """Return the scalar loss of what ``DeeplySupervised`` returns."""
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
    """Return maps of a frame at the places that the pixels of a coarser level stand for.

    One pixel of each square is taken, next to its middle, so that every class keeps its share of the pixels on average
    and labels stay labels: the class of most pixels would wipe out poles and signs. It also costs least.

    Args:
        maps: (..., H, W) labels or probabilities.
        stride: how many times smaller the level is.
        level: (..., h, w); where H or W does not halve evenly, the level lies in the middle of the frame.

    Returns:
        (..., h, w), a view.
    """
    height, width = level.shape[-2:]
    top, left = (maps.shape[-2] - stride * height) // 2, (maps.shape[-1] - stride * width) // 2
    rows = slice(top + stride // 2, top + stride * height, stride)
    columns = slice(left + stride // 2, left + stride * width, stride)
    return maps[..., rows, columns]


def supervised(config: ExperimentConfig, model: nn.Module) -> nn.Module:
    """Return what is trained in a network's place: with heads where the recipe wants them, else the network itself.

    The heads are drawn from PyTorch's random source, right after the network's own weights.
    """
    if not config.deep_supervision:
        return model
    network = DeeplySupervised(model)
    network.heads.to(network.model.head.weight)
    return network
