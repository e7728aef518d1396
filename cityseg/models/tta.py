"""Test-time averaging: a network looks at a photo at several scales, and mirrored, and answers with its mean logits.

Evaluation and prediction both take their way of looking from ``averaged``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg.errors import UsageError

LEAST_SCALE, LARGEST_SCALE = 0.25, 4.0
"""Bounds of a scale, as a factor of the height and width that a model was trained at."""
MOST_SCALES = 8
"""Scales that are looked at, at most; each is a pass of its own."""
_EXAMPLE = "for example 0.75,1,1.25"


class AveragedLooks(nn.Module):
    """A network that looks several times at the same photos, and answers with the mean of all logits.

    Args:
        model: (N, 3, h, w) -> (N, C, h, w) logits, for every size that is named.
        sizes: (height, width) in pixels of each look.
        flip: look at the mirrored photo too, at every size.
    """

    def __init__(self, model: nn.Module, sizes: Sequence[tuple[int, int]], *, flip: bool) -> None:
        super().__init__()
        self.model, self.sizes, self.flip = model, tuple(sizes), flip
        # Whoever puts this into a mode puts the model into it.
        self.training = model.training

    def forward(self, x: Tensor) -> Tensor:
        """Return the (N, C, H, W) float32 mean logits of (N, 3, H, W) normalised photos; all resizing is bilinear."""
        # Added up one by one: the logits of all looks of a batch would take gigabytes.
        total = self._look(x, self.sizes[0])
        for size in self.sizes[1:]:
            total = total + self._look(x, size)
        return total / (len(self.sizes) * (2 if self.flip else 1))

    def _look(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the logits at one size, brought to that of ``x``; with ``flip`` the sum of both."""
        # Larger photos are looked at in smaller numbers, so that no pass needs more memory than the plain one.
        together = max(1, x.shape[0] * x.shape[-2] * x.shape[-1] // (size[0] * size[1]))
        if together >= len(x):
            return self._look_at_once(x, size)
        return torch.cat([self._look_at_once(part, size) for part in x.split(together)])

    def _look_at_once(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        own = (x.shape[-2], x.shape[-1])
        # Without antialiasing a smaller photo would be a sample of its pixels.
        seen = x if size == own else F.interpolate(x, size=size, mode="bilinear", antialias=True)
        logits: Tensor = self.model(seen).float()
        if self.flip:
            logits = logits + self.model(seen.flip(-1)).float().flip(-1)
        return logits if size == own else F.interpolate(logits, size=own, mode="bilinear")


def averaged(
    model: nn.Module, size: tuple[int, int], scales: Sequence[float] = (1.0,), *, flip: bool = False
) -> nn.Module:
    """Return a network that looks at photos in a certain way; the network itself where that is its plain look.

    Args:
        model: (N, 3, H, W) -> (N, C, H, W) logits.
        size: (height, width) in pixels of the photos it will be given.
        scales: factors of ``size``, see ``scaled_sizes``.
        flip: look at the mirrored photo too, at every scale.

    Raises:
        UsageError: whatever ``scaled_sizes`` refuses.
    """
    sizes = scaled_sizes(model, size, scales)
    return AveragedLooks(model, sizes, flip=flip) if flip or sizes != (size,) else model


def scaled_sizes(model: nn.Module, size: tuple[int, int], scales: Sequence[float]) -> tuple[tuple[int, int], ...]:
    """Return the (height, width) in pixels at which a network looks at photos of a size, one for each scale.

    Scale 1 is the size itself; the sides of all others are rounded to the nearest multiples that the network takes.

    Args:
        model: a U-Net, a baseline or an exported model; any other network is shown its own size only.
        size: (height, width) in pixels, scale 1.
        scales: one to ``MOST_SCALES`` different factors, from ``LEAST_SCALE`` to ``LARGEST_SCALE``.

    Raises:
        UsageError: no scale, too many, the same one twice, one out of bounds, one that makes the photos too small for
            the network, or two that come to the same size.

    Example:
        >>> from cityseg.models import UNet
        >>> scaled_sizes(UNet(start_channels=8, depth=2), (64, 128), (0.7, 1, 1.25))
        ((48, 88), (64, 128), (80, 160))
    """
    _refuse_unusable(scales)
    found: dict[tuple[int, int], float] = {}
    for scale in scales:
        scaled = size if scale == 1 else _rounded(_divisor(model, size, scale), size, scale)
        if scaled in found:
            raise UsageError(
                f"expected scales that differ in size, found {found[scaled]!r} and {scale!r}, which both come to "
                f"{_words(scaled)} pixels for this model; leave one of them out"
            )
        found[scaled] = scale
    return tuple(found)


def parse_scales(text: str) -> tuple[float, ...]:
    """Read scales that are written with commas between them; ``scaled_sizes`` says which ones can be used.

    Raises:
        UsageError: anything else than numbers.

    Example:
        >>> parse_scales("0.75, 1, 1.25")
        (0.75, 1.0, 1.25)
    """
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"expected scales as numbers with commas between them, found {text!r}; {_EXAMPLE}") from None


def _refuse_unusable(scales: Sequence[float]) -> None:
    """Raise UsageError for scales that no model could use."""
    if not 1 <= len(scales) <= MOST_SCALES:
        raise UsageError(f"expected 1 to {MOST_SCALES} scales, found {len(scales)}; {_EXAMPLE}")
    for place, scale in enumerate(scales):
        if not LEAST_SCALE <= scale <= LARGEST_SCALE:
            raise UsageError(
                f"expected scales from {LEAST_SCALE:g} to {LARGEST_SCALE:g}, found {scale:g}; 1 is the model's own "
                f"size, {_EXAMPLE}"
            )
        if scale in scales[:place]:
            raise UsageError(f"expected different scales, found {scale:g} twice; leave one of them out")


def _divisor(model: nn.Module, size: tuple[int, int], scale: float) -> int:
    """Return what the sides of a network's photos have to be multiples of, where it takes more than one size."""
    divisor: int | None = getattr(model, "min_size", None) or getattr(model, "multiple", None)
    if divisor is None:
        raise UsageError(
            f"expected scale 1 alone for a model that takes {_words(size)} pixels and nothing else, found {scale:g}; "
            "leave the scales out"
        )
    return divisor


def _rounded(divisor: int, size: tuple[int, int], scale: float) -> tuple[int, int]:
    height, width = (side * scale for side in size)
    if min(height, width) < divisor:
        least = math.ceil(100 * divisor / min(size)) / 100
        raise UsageError(
            f"expected scales that leave this model at least {divisor} pixels on each side, found {scale:g}, which "
            f"makes {_words((round(height), round(width)))} of {_words(size)}; use scales of {least:g} or more"
        )
    # Halves go up, also for even multiples, so that both sides of a frame are rounded alike.
    return math.floor(height / divisor + 0.5) * divisor, math.floor(width / divisor + 0.5) * divisor


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
