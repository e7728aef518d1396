"""Image corruptions for the robustness test, one at a time and identical for every frame.

Following Kamann and Rother, "Benchmarking the Robustness of Semantic Segmentation Models", arXiv 1908.05005: changes of
light, colour, sharpness, focal length and tilt. Photos are (N, 3, H, W) float32 in 0 to 255, labels (N, H, W) uint8
train ids. Areas from outside the frame are mid-grey, and void in the labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.data.augmentation.augment import blur, recolor, resample

_FRAMES = 16

Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Corruption:
    """An image corruption: its name, a short description, and its effect on photos, not clamped, and labels."""

    name: str
    words: str
    change: Change


def _light(
    x: Tensor, y: Tensor, *, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0
) -> tuple[Tensor, Tensor]:
    return recolor(x, *(torch.full((len(x),), amount) for amount in (brightness, contrast, saturation, 0.0))), y


def _white_balance(x: Tensor, y: Tensor, *, gains: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
    return x * torch.tensor(gains)[:, None, None], y


def _blur(x: Tensor, y: Tensor, *, sigma: float) -> tuple[Tensor, Tensor]:
    # Relative to the width, so the blur is the same at every input size.
    sigma *= x.shape[-1] / 256
    return blur(x, torch.full((len(x),), sigma), sigma), y


def _noise(x: Tensor, y: Tensor, *, deviation: float) -> tuple[Tensor, Tensor]:
    noise = torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(0))
    return x + 255 * deviation * noise, y


def _reframe(x: Tensor, y: Tensor, *, zoom: float = 1.0, down: float = 0.0) -> tuple[Tensor, Tensor]:
    view = torch.tensor([[1 / zoom, 0, 0], [0, 1 / zoom, 2 * down]]).expand(len(x), 2, 3)
    return resample(x, y, F.affine_grid(view, list(x.shape), align_corners=False))


CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption("dark", "a third of the light", partial(_light, brightness=-0.65)),
    Corruption("bright", "1.6 times the light", partial(_light, brightness=0.6)),
    Corruption("flat", "half the contrast, as in haze", partial(_light, contrast=-0.5)),
    Corruption("harsh", "1.6 times the contrast", partial(_light, contrast=0.6)),
    Corruption("warm", "white balance towards red", partial(_white_balance, gains=(1.2, 1.0, 0.75))),
    Corruption("cool", "white balance towards blue", partial(_white_balance, gains=(0.8, 1.0, 1.25))),
    Corruption("grey", "a tenth of the colour", partial(_light, saturation=-0.9)),
    Corruption("vivid", "twice the colour", partial(_light, saturation=1.0)),
    Corruption("blurred", "out of focus by a 256th of the width", partial(_blur, sigma=1.0)),
    Corruption("noisy", "noise of 6 % of white", partial(_noise, deviation=0.06)),
    Corruption("long lens", "everything 1.6 times as large", partial(_reframe, zoom=1.6)),
    Corruption("short lens", "everything 0.65 times as large", partial(_reframe, zoom=0.65)),
    Corruption("tilted up", "the view 15 % of its height higher", partial(_reframe, down=-0.15)),
    Corruption("tilted down", "the view 15 % of its height lower", partial(_reframe, down=0.15)),
)
"""All corruptions in display order."""


def corrupted(photos: Tensor, labels: Tensor, corruption: Corruption) -> tuple[Tensor, Tensor]:
    """Corrupt (N, H, W, 3) uint8 photos and (N, H, W) uint8 train ids on the CPU; shapes and dtypes stay."""
    changed_photos, changed_labels = torch.empty_like(photos), torch.empty_like(labels)
    # In small batches: a whole split as float32 would fill the memory.
    for start in range(0, len(labels), _FRAMES):
        part = slice(start, start + _FRAMES)
        x, changed_labels[part] = corruption.change(photos[part].permute(0, 3, 1, 2).float(), labels[part])
        changed_photos[part] = x.clamp(0, 255).round().byte().permute(0, 2, 3, 1)
    return changed_photos, changed_labels
