"""The U-Net of the first study, written from its description.

Source of the design: Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation" (arXiv 1505.04597), with batch normalisation, Hardswish and padded convolutions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg.errors import UsageError


class DoubleConvolution(nn.Sequential):
    """Twice: 3x3 convolution (padding 1, bias), batch normalisation, Hardswish. (N, C_in, H, W) -> (N, C_out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.Hardswish(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.Hardswish(inplace=True),
        )


class UpStep(nn.Module):
    """Double the size by a 2x2 transposed convolution, join the skip, convolve twice."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        self.convolve = DoubleConvolution(2 * out_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, C_in, h, w) and skip (N, C_out, H, W) -> (N, C_out, 2h, 2w), the skip centre-cropped to 2h x 2w."""
        x = self.up(x)
        height, width = x.shape[-2:]
        top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2
        return self.convolve(torch.cat([skip[..., top : top + height, left : left + width], x], dim=1))


class UNet(nn.Module):
    """U-Net with ``start_channels * 2**level`` channels on levels 0 to ``depth`` and a bottleneck below.

    Args:
        start_channels: channels of the first level.
        depth: index of the last level; there are ``depth + 1`` max-pools, so the input needs at least
            ``2 ** (depth + 1)`` pixels on each side.
        num_classes: channels of the output.

    Example:
        >>> sum(p.numel() for p in UNet(start_channels=8, depth=2).parameters())
        121691
    """

    def __init__(self, start_channels: int = 16, depth: int = 4, num_classes: int = 19) -> None:
        super().__init__()
        widths = [start_channels * 2**level for level in range(depth + 2)]
        self.min_size = 2 ** (depth + 1)
        self.down = nn.ModuleList(
            DoubleConvolution(before, after) for before, after in zip([3, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(UpStep(2 * width, width) for width in reversed(widths[:-1]))
        self.head = nn.Conv2d(start_channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of every pixel.

        Args:
            x: (N, 3, H, W) floating point photos, normalised as the checkpoint says.

        Returns:
            (N, num_classes, H, W) logits in the type of the computation.

        Raises:
            UsageError: H or W is below ``2 ** (depth + 1)``.
        """
        size = x.shape[-2:]
        if min(size) < self.min_size:
            raise UsageError(
                f"expected an input of at least {self.min_size}x{self.min_size} pixels for this depth, found "
                f"{size[0]}x{size[1]}; use a larger image_size or a smaller depth"
            )
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for step in self.up:
            x = step(x, skips.pop())
        logits: Tensor = self.head(x)
        if logits.shape[-2:] != size:
            # Odd sizes lose a row or column at each pool; the crops took it evenly from both borders.
            logits = _pad_to(logits, size)
        return logits


def _pad_to(x: Tensor, size: torch.Size) -> Tensor:
    """Grow (N, C, h, w) to (N, C, *size) by repeating the border, evenly on both sides."""
    missing_height, missing_width = size[0] - x.shape[-2], size[1] - x.shape[-1]
    top, left = missing_height // 2, missing_width // 2
    return F.pad(x, (left, missing_width - left, top, missing_height - top), mode="replicate")
