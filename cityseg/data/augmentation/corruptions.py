"""Image corruptions for the robustness test, one at a time and identical for every frame.

Following Kamann and Rother, "Benchmarking the Robustness of Semantic Segmentation Models", arXiv 1908.05005: changes of
light, colour, sharpness, focal length and tilt. Photos are (N, 3, H, W) float32 in 0 to 255, labels (N, H, W) uint8
train ids of any size. Areas from outside the frame are mid-grey, and void in the labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.data.augmentation.augment import blur, recolor, resample, resample_labels

_FRAMES = 16

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Corruption:
    """An image corruption: its name, a short description, and its effect on photos, which it does not clamp.

    ``move`` changes labels as ``change`` moves the content of photos; None if it does not.
    """

    name: str
    words: str
    change: Change
    move: Change | None = None


def _light(x: Tensor, *, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0) -> Tensor:
    return recolor(x, *(torch.full((len(x),), amount) for amount in (brightness, contrast, saturation, 0.0)))


def _white_balance(x: Tensor, *, gains: tuple[float, float, float]) -> Tensor:
    return x * torch.tensor(gains)[:, None, None]


def _blur(x: Tensor, *, sigma: float) -> Tensor:
    # Relative to the width, so the blur is the same at every input size.
    sigma *= x.shape[-1] / 256
    return blur(x, torch.full((len(x),), sigma), sigma)


def _noise(x: Tensor, *, deviation: float) -> Tensor:
    noise = torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(0))
    return x + 255 * deviation * noise


def _reframed(name: str, words: str, *, zoom: float = 1.0, down: float = 0.0) -> Corruption:
    """Return the corruption by another focal length or tilt."""

    def grid(maps: Tensor) -> Tensor:
        view = torch.tensor([[1 / zoom, 0, 0], [0, 1 / zoom, 2 * down]]).expand(len(maps), 2, 3)
        return F.affine_grid(view, [len(maps), 1, *maps.shape[-2:]], align_corners=False)

    return Corruption(name, words, lambda x: resample(x, grid(x)), lambda y: resample_labels(y, grid(y)))


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
    _reframed("long lens", "everything 1.6 times as large", zoom=1.6),
    _reframed("short lens", "everything 0.65 times as large", zoom=0.65),
    _reframed("tilted up", "the view 15 % of its height higher", down=-0.15),
    _reframed("tilted down", "the view 15 % of its height lower", down=0.15),
)
"""All corruptions in display order."""


def corrupted(photos: Tensor, labels: Tensor, corruption: Corruption) -> tuple[Tensor, Tensor]:
    """Corrupt (N, H, W, 3) uint8 photos and (N, h, w) uint8 train ids on the CPU; shapes and dtypes stay."""
    changed, moved = torch.empty_like(photos), labels.clone()
    # In small batches: a whole split as float32 would fill the memory.
    for start in range(0, len(photos), _FRAMES):
        part = slice(start, start + _FRAMES)
        x = corruption.change(photos[part].permute(0, 3, 1, 2).float())
        changed[part] = x.clamp(0, 255).round().byte().permute(0, 2, 3, 1)
        if corruption.move:
            moved[part] = corruption.move(labels[part])
    return changed, moved
