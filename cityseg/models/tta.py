"""Test-time augmentation (TTA): mean logits over several scales and horizontal flips, for evaluation and prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg.errors import UsageError
from cityseg.text import quoted

LEAST_SCALE, LARGEST_SCALE = 0.25, 4.0
"""Bounds of a scale, as a factor of the height and width that a model was trained at."""
MOST_SCALES = 8
"""Largest number of scales; each is a forward pass."""
_EXAMPLE = "for example 0.75,1,1.25"


class TestTimeAugmentation(nn.Module):
    """A network whose logits are the mean over several (height, width) sizes, and flips, of the same photos."""

    def __init__(self, model: nn.Module, sizes: Sequence[tuple[int, int]], *, flip: bool) -> None:
        super().__init__()
        self.model, self.sizes, self.flip = model, tuple(sizes), flip
        # Not set to training mode by nn.Module, so that the wrapped model keeps its mode.
        self.training = model.training

    def forward(self, x: Tensor) -> Tensor:
        """Return the (N, C, H, W) float32 mean logits of (N, 3, H, W) normalised photos, resized bilinearly."""
        # A running sum: the logits of all passes of a batch would take gigabytes.
        total = self._at_size(x, self.sizes[0])
        for size in self.sizes[1:]:
            total = total + self._at_size(x, size)
        return total / (len(self.sizes) * (2 if self.flip else 1))

    def _at_size(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the logits of one size, resized to that of ``x``; with ``flip`` the sum of both."""
        # Larger photos in smaller batches, so that no pass needs more memory than one without TTA.
        batch = max(1, x.shape[0] * x.shape[-2] * x.shape[-1] // (size[0] * size[1]))
        if batch >= len(x):
            return self._pass(x, size)
        return torch.cat([self._pass(part, size) for part in torch.split(x, batch)])

    def _pass(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        own = (x.shape[-2], x.shape[-1])
        # Without antialiasing a smaller photo would be a subsample of the pixels.
        resized = x if size == own else F.interpolate(x, size=size, mode="bilinear", antialias=True)
        logits: Tensor = self.model(resized).float()
        if self.flip:
            logits = logits + self.model(resized.flip(-1)).float().flip(-1)
        return logits if size == own else F.interpolate(logits, size=own, mode="bilinear")


def augmented(
    model: nn.Module, size: tuple[int, int], scales: Sequence[float] = (1.0,), *, flip: bool = False
) -> nn.Module:
    """Return a network with test-time augmentation, or the network itself if nothing is augmented.

    ``size`` is the (height, width) of its input in pixels, ``scales`` are factors of it; see ``scaled_sizes``, which
    raises UsageError. ``flip`` also averages over the horizontally flipped photo, at every scale.
    """
    sizes = scaled_sizes(model, size, scales)
    return TestTimeAugmentation(model, sizes, flip=flip) if flip or sizes != (size,) else model


def scaled_sizes(model: nn.Module, size: tuple[int, int], scales: Sequence[float]) -> tuple[tuple[int, int], ...]:
    """Return the input size, (height, width) in pixels, of every scale.

    Scale 1 is ``size`` itself; other sizes are rounded to the nearest multiples that the network accepts.

    Args:
        model: a U-Net, a baseline or an exported model; any other network accepts scale 1 only.
        size: (height, width) in pixels, scale 1.
        scales: one to ``MOST_SCALES`` different factors, from ``LEAST_SCALE`` to ``LARGEST_SCALE``.

    Raises:
        UsageError: no scale, too many, a duplicate, one out of bounds, one too small for the network, or two that
            round to the same size.

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
                f"expected scales that differ in size, found {found[scaled]!r} and {scale!r}, which both round to "
                f"{_words(scaled)} pixels for this model; omit one of them"
            )
        found[scaled] = scale
    return tuple(found)


def parse_scales(text: str) -> tuple[float, ...]:
    """Parse comma-separated scales, or raise UsageError; ``scaled_sizes`` checks their values.

    Example:
        >>> parse_scales("0.75, 1, 1.25")
        (0.75, 1.0, 1.25)
    """
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"expected comma-separated numbers as scales, found {quoted(text)}; {_EXAMPLE}") from None


def _refuse_unusable(scales: Sequence[float]) -> None:
    """Raise UsageError for scales that no model accepts."""
    if not 1 <= len(scales) <= MOST_SCALES:
        raise UsageError(f"expected 1 to {MOST_SCALES} scales, found {len(scales)}; {_EXAMPLE}")
    for place, scale in enumerate(scales):
        if not LEAST_SCALE <= scale <= LARGEST_SCALE:
            raise UsageError(
                f"expected scales from {LEAST_SCALE:g} to {LARGEST_SCALE:g}, found {scale:g}; 1 is the model's own "
                f"size, {_EXAMPLE}"
            )
        if scale in scales[:place]:
            raise UsageError(f"expected different scales, found {scale:g} twice; omit one of them")


def _divisor(model: nn.Module, size: tuple[int, int], scale: float) -> int:
    """Return the divisor of the sizes that a network accepts; UsageError if it accepts a single size."""
    divisor: int | None = getattr(model, "min_size", None) or getattr(model, "multiple", None)
    if divisor is None:
        raise UsageError(
            f"expected scale 1 alone for a model that accepts {_words(size)} pixels only, found {scale:g}; "
            "omit the scales"
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
    # Halves round up, unlike round(), so that both sides of a frame are rounded alike.
    return math.floor(height / divisor + 0.5) * divisor, math.floor(width / divisor + 0.5) * divisor


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
