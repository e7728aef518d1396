"""Building blocks of the U-Net: (N, C_in, H, W) -> (N, C_out, H, W), height and width kept."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEWEST_TO_SPLIT = 4


class DoubleConvolution(nn.Sequential):
    """Twice: 3x3 convolution (padding 1, bias), batch normalisation, Hardswish. The block of the first study."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.Hardswish(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.Hardswish(inplace=True),
        )


class Shortcut(nn.Module):
    """Layers with a shortcut around them: a 1x1 convolution if the number of channels changes, else the identity."""

    def __init__(self, in_channels: int, out_channels: int, layers: list[nn.Module]) -> None:
        super().__init__()
        self.change = nn.Sequential(*layers)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            convolution = nn.Conv2d(in_channels, out_channels, 1, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return Hardswish of the shortcut plus the change."""
        return F.hardswish(self.shortcut(x) + self.change(x))


class ResidualBlock(Shortcut):
    """Two 3x3 convolutions with a shortcut (He et al., arXiv 1512.03385, basic block)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        layers = [*_dense(in_channels, out_channels), *_dense(out_channels, out_channels)[:-1]]
        super().__init__(in_channels, out_channels, layers)


class SeparableBlock(Shortcut):
    """A residual block of depthwise separable convolutions.

    Each part is normalised, without an activation between depthwise and pointwise (Chollet, "Xception", arXiv
    1610.02357, section 4.7).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        # Depthwise, the three channels of a photo would get three filters in all.
        split = in_channels >= _FEWEST_TO_SPLIT
        first = _separable(in_channels, out_channels) if split else _dense(in_channels, out_channels)
        super().__init__(in_channels, out_channels, [*first, *_separable(out_channels, out_channels)[:-1]])


class DepthwiseBlock(nn.Sequential):
    """Twice: 3x3 depthwise and 1x1 pointwise convolution, each normalised, Hardswish after the second.

    About an eighth of the weights and MACs (Howard et al., "MobileNets", arXiv 1704.04861, section 3.1).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(*_separable(in_channels, out_channels), *_separable(out_channels, out_channels))


def _dense(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.Hardswish(inplace=True),
    ]


def _separable(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.Hardswish(inplace=True),
    ]


class AttentionGate(nn.Module):
    """Weights each pixel of a skip by the level below (Oktay et al., "Attention U-Net", arXiv 1804.03999)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 2)
        self.of_skip = nn.Conv2d(channels, inner, 1, bias=False)
        self.of_signal = nn.Conv2d(channels, inner, 1)
        self.weigh = nn.Conv2d(inner, 1, 1)

    def forward(self, skip: Tensor, signal: Tensor) -> Tensor:
        """Return the (N, C, H, W) skip times its (N, 1, H, W) weights in 0 to 1."""
        return skip * torch.sigmoid(self.weigh(F.relu(self.of_skip(skip) + self.of_signal(signal))))


BLOCKS: dict[str, type[nn.Module]] = {
    "double": DoubleConvolution,
    "residual": ResidualBlock,
    "depthwise": DepthwiseBlock,
    "separable": SeparableBlock,
}
"""Blocks by their name in a config."""
