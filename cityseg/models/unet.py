"""The U-Net of the first study, written from its description.

Source of the design: Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation" (arXiv 1505.04597), with batch normalisation, Hardswish and padded convolutions.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg.errors import UsageError
from cityseg.models.blocks import BLOCKS, AttentionGate


class DecoderLevel(nn.Module):
    """A decoder level: upsample, concatenate the skip connection, apply a block."""

    def __init__(
        self, in_channels: int, out_channels: int, block: type[nn.Module], attention: bool, bilinear: bool
    ) -> None:
        super().__init__()
        self.up: nn.Module
        if bilinear:
            # A 1x1 convolution commutes with bilinear interpolation and is four times as cheap before it.
            self.up = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1), nn.Upsample(scale_factor=2.0, mode="bilinear")
            )
        else:
            self.up = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        if attention:
            self.gate = AttentionGate(out_channels)
        self.convolve = block(2 * out_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, C_in, h, w) and skip (N, C_out, H, W) -> (N, C_out, 2h, 2w), the skip centre-cropped to 2h x 2w."""
        x = self.up(x)
        # No crop at sizes that halve evenly: an exported graph with dynamic sizes relies on that.
        if skip.shape[-2:] != x.shape[-2:]:
            height, width = x.shape[-2:]
            top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2
            skip = skip[..., top : top + height, left : left + width]
        if hasattr(self, "gate"):
            skip = self.gate(skip, x)
        joined: Tensor = self.convolve(torch.cat([skip, x], dim=1))
        return joined


_UPSAMPLING = ("transposed", "bilinear")


class UNet(nn.Module):
    """U-Net with ``start_channels * 2**level`` channels on levels 0 to ``depth`` and a bottleneck below.

    Args:
        start_channels: channels of the first level.
        depth: index of the last level; there are ``depth + 1`` max-pools, so the input needs at least
            ``stem * 2 ** (depth + 1)`` pixels on each side.
        num_classes: channels of the output.
        block: what a level does: ``double`` (the first study's), ``residual``, ``depthwise`` or ``separable``.
        stem: downsampling before the first level: 1, 2 or 4. Above 1 a convolution of this stride, twice as wide,
            precedes it, and the logits are upsampled. Older checkpoints have True for 2.
        attention: apply attention gates to the skip connections.
        max_channels: bound on the channels of a level, as in nnU-Net (arXiv 1809.10486); 0 is no bound.
        upsampling: of the decoder: ``transposed``, a learned 2x2 kernel (the first study's), or ``bilinear``, with a
            quarter of the weights.

    Raises:
        UsageError: an unknown block, stem or upsampling.

    Example:
        >>> sum(p.numel() for p in UNet(start_channels=8, depth=2).parameters())
        121691
    """

    def __init__(
        self,
        start_channels: int = 16,
        depth: int = 4,
        num_classes: int = 19,
        *,
        block: str = "double",
        stem: int = 1,
        attention: bool = False,
        max_channels: int = 0,
        upsampling: str = "transposed",
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("block", block, tuple(BLOCKS)),
            ("stem", int(stem), (1, 2, 4)),
            ("upsampling", upsampling, _UPSAMPLING),
        ):
            if value not in known:
                raise UsageError(f"unknown {name} {value!r}: expected one of {', '.join(map(str, known))}")
        kind = BLOCKS[block]
        widths = channels_of_levels(start_channels, depth, max_channels)
        self.widths = widths
        self.downsampling = 2 if stem is True else stem
        self.min_size = self.downsampling * 2 ** (depth + 1)
        stemmed = self.downsampling > 1
        if stemmed:
            width = 2 * self.downsampling
            self.stem = nn.Sequential(
                nn.Conv2d(3, start_channels, width, stride=self.downsampling, padding=width // 4, bias=False),
                nn.BatchNorm2d(start_channels),
                nn.Hardswish(inplace=True),
            )
        first = start_channels if stemmed else 3
        self.down = nn.ModuleList(kind(before, after) for before, after in zip([first, *widths], widths, strict=False))
        bilinear = upsampling == "bilinear"
        self.up = nn.ModuleList(
            DecoderLevel(below, width, kind, attention, bilinear) for width, below in reversed([*pairwise(widths)])
        )
        self.head = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, num_classes, H, W) logits in the dtype of the computation; raises UsageError as ``features``."""
        return self.classify(self.features(x)[0], x.shape[-2:])

    def features(self, x: Tensor, coarser: int = 0) -> list[Tensor]:
        """Return the features of the finest decoder levels, finest first.

        With ``coarser`` levels below the finest, up to ``depth + 1``, which is the bottleneck: (N, C, h, w) of levels 0
        to ``coarser``, each with its own channels (see ``widths``), h and w. Raises UsageError if H or W is too small.
        """
        skips = self._encode(x)
        found = [skips.pop()]
        for step in self.up:
            x = step(found[0], skips.pop())
            found = [x, *found[:coarser]]
        return found

    def bottleneck(self, x: Tensor) -> Tensor:
        """Return (N, widths[-1], h, w) features of the bottleneck; raises as ``features``."""
        return self._encode(x)[-1]

    def _encode(self, x: Tensor) -> list[Tensor]:
        """Return the features of all encoder levels, finest first, the bottleneck last."""
        size = x.shape[-2:]
        if min(size) < self.min_size:
            raise UsageError(
                f"expected an input of at least {self.min_size}x{self.min_size} pixels for this depth, found "
                f"{size[0]}x{size[1]}; use a larger image_size or a smaller depth"
            )
        if hasattr(self, "stem"):
            x = self.stem(x)
        levels = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            levels.append(x)
        return levels

    def classify(self, finest: Tensor, size: torch.Size) -> Tensor:
        """Return (N, num_classes, *size) logits of the features of the finest level."""
        logits: Tensor = self.head(finest)
        if hasattr(self, "stem"):
            logits = F.interpolate(logits, scale_factor=float(self.downsampling), mode="bilinear", align_corners=False)
        if logits.shape[-2:] != size:
            # Odd sizes lose a row or column at each halving, cropped evenly from both borders.
            logits = _pad_to(logits, size)
        return logits


def channels_of_levels(start_channels: int, depth: int, max_channels: int = 0) -> list[int]:
    """Return the channels of levels 0 to ``depth`` and of the bottleneck.

    Example:
        >>> channels_of_levels(24, 3, 64)
        [24, 48, 64, 64, 64]
    """
    doubled = [start_channels * 2**level for level in range(depth + 2)]
    return [min(channels, max_channels or channels) for channels in doubled]


def _pad_to(x: Tensor, size: torch.Size) -> Tensor:
    """Grow (N, C, h, w) to (N, C, *size) by repeating the border, evenly on both sides."""
    missing_height, missing_width = size[0] - x.shape[-2], size[1] - x.shape[-1]
    top, left = missing_height // 2, missing_width // 2
    return F.pad(x, (left, missing_width - left, top, missing_height - top), mode="replicate")
