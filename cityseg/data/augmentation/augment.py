"""Augmentation of whole batches on the device, with independent random parameters per frame.

Photos ``x`` are (N, 3, H, W) float32 in 0 to 255; ``labels`` are (N, H, W) uint8 train ids. All operations are
vectorized over the batch and asynchronous, and ``random``, a CPU generator, determines all random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.classes import IGNORE_INDEX, LABELS
from cityseg.config import ExperimentConfig
from cityseg.data.augmentation.night import LUMA, make_night
from cityseg.data.transfer import constants, send

_TO_YIQ = (LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
GREY = 127.5
"""Fill value outside a frame."""
_BLUR_REACH = 2.5
_RARE_CLASSES = tuple(
    label.train_id
    for label in LABELS
    if label.has_instances and label.train_id != IGNORE_INDEX and label.name not in ("person", "car")
)


@dataclass(frozen=True)
class Augmentation:
    """Augmentation settings; the fields are those of ``ExperimentConfig``."""

    flip: bool = False
    scale_min: float = 1.0
    scale_max: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    tint: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    night: float = 0.0
    cutmix: float = 0.0
    copy_paste: float = 0.0

    @classmethod
    def of(cls, config: ExperimentConfig) -> Augmentation:
        """Return the augmentation of a config."""
        return cls(**{name: getattr(config, name) for name in cls.__dataclass_fields__})

    def __call__(self, photos: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augment every frame: (N, H, W, 3) uint8 photos become uint8 or float32 in 0 to 255; labels stay uint8."""
        if self.flip:
            photos, labels = flip_some(photos, labels, random)
        if self == Augmentation(flip=self.flip):
            return photos, labels
        x = photos.permute(0, 3, 1, 2).float()
        if self.copy_paste:
            x, labels = copy_and_paste(x, labels, self.copy_paste, random)
        if (self.scale_min, self.scale_max) != (1.0, 1.0):
            x, labels = scale_and_crop(x, labels, self._between(len(x), self.scale_min, self.scale_max, random), random)
        if self.brightness or self.contrast or self.saturation or self.hue:
            draws = torch.rand(4, len(x), generator=random).mul_(2).sub_(1)
            strengths = torch.tensor([self.brightness, self.contrast, self.saturation, self.hue])
            x = recolor(x, *send(draws * strengths[:, None], x.device))
        if self.tint:
            gains = torch.rand(len(x), 3, 1, 1, generator=random).mul_(2).sub_(1).mul_(self.tint).add_(1)
            x = x * send(gains, x.device)
        if self.night:
            x = make_night(x.clamp(0, 255), labels, self.night, random)
        if self.blur:
            x = blur(x, send(torch.rand(len(x), generator=random) * self.blur, x.device), self.blur)
        if self.noise:
            # Generated on the device: copying a batch of normal numbers to a GPU would take long.
            source = torch.Generator(x.device).manual_seed(int(torch.randint(2**62, (), generator=random)))
            deviation = send(torch.rand(len(x), generator=random).mul_(255 * self.noise), x.device)
            x = x + deviation[:, None, None, None] * torch.randn(x.shape, generator=source, device=x.device)
        x = x.clamp(0, 255)
        if self.cutmix:
            x, labels = cut_and_mix(x, labels, self.cutmix, random)
        return x.permute(0, 2, 3, 1), labels

    @staticmethod
    def _between(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
        """Return (count,) log-uniform factors, so that halving is as likely as doubling."""
        return torch.exp(torch.rand(count, generator=random) * math.log(high / low) + math.log(low))


def flip_some(photos: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flip each frame, its photo (N, H, W, 3), horizontally with probability 1/2."""
    chosen = send(torch.rand(len(labels), generator=random).lt(0.5), labels.device)
    return (
        torch.where(chosen[:, None, None, None], photos.flip(2), photos),
        torch.where(chosen[:, None, None], labels.flip(2), labels),
    )


def scale_and_crop(x: Tensor, labels: Tensor, factors: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Scale each frame by its factor, (N,), and crop a random window of the original size.

    Photos are resampled bilinearly, labels to the nearest pixel. A reduced frame is placed at a random position on
    mid-grey, which is void in the labels.
    """
    inverse = 1 / factors
    places = (torch.rand(2, len(factors), generator=random) * 2 - 1) * (1 - inverse)
    zeros = torch.zeros_like(inverse)
    rows = torch.stack([torch.stack([inverse, zeros, places[0]], 1), torch.stack([zeros, inverse, places[1]], 1)], 1)
    grid = F.affine_grid(send(rows, x.device), list(x.shape), align_corners=False)
    return resample(x, grid), resample_labels(labels, grid)


def resample(x: Tensor, grid: Tensor) -> Tensor:
    """Sample photos at the places of an (N, H, W, 2) grid; mid-grey outside of them."""
    # grid_sample pads with zeros, so shift mid-grey to zero.
    return F.grid_sample(x - GREY, grid, mode="bilinear", align_corners=False) + GREY


def resample_labels(labels: Tensor, grid: Tensor) -> Tensor:
    """Sample (N, h, w) labels at the places of an (N, H, W, 2) grid; void outside of them."""
    shifted = labels[:, None].float() - IGNORE_INDEX
    return (F.grid_sample(shifted, grid, mode="nearest", align_corners=False) + IGNORE_INDEX)[:, 0].byte()


def recolor(x: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue, in this order, by one 3x4 matrix per frame.

    Brightness multiplies; contrast interpolates with the frame's mean luma; saturation interpolates with each pixel's
    luma (ITU-R BT.601, as in torchvision); hue rotates the chroma plane of YIQ. The result is not clamped.

    Args:
        x: photos.
        brightness, contrast, saturation: (N,) relative changes, 0 for none.
        hue: (N,) turns, 0 for none.
    """
    luma = constants(LUMA, x.device)
    brighter = 1 + brightness
    mean_grey = torch.einsum("nchw,c->n", x, luma) / (x.shape[2] * x.shape[3]) * brighter
    stronger = 1 + saturation
    grey = luma.expand(3, 3)
    saturate = stronger[:, None, None] * torch.eye(3, device=x.device) + (1 - stronger)[:, None, None] * grey
    angle = 2 * math.pi * hue
    turn = torch.zeros(len(x), 3, 3, device=x.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    color = _from_yiq(x.device) @ turn @ constants(_TO_YIQ, x.device) @ saturate
    matrix = color * (brighter * (1 + contrast))[:, None, None]
    # Saturation and hue leave grey unchanged.
    return torch.baddbmm((-contrast * mean_grey)[:, None, None], matrix, x.flatten(2)).view_as(x)


@cache
def _from_yiq(device: torch.device) -> Tensor:
    # Inversion on a GPU blocks the host, so it is done once.
    result: Tensor = torch.linalg.inv(torch.tensor(_TO_YIQ)).to(device)
    return result


def blur(x: Tensor, sigma: Tensor, largest: float) -> Tensor:
    """Blur each frame with a Gaussian of ``sigma``, (N,) pixels; its bound ``largest`` determines the kernel size."""
    count, channels, height, width = x.shape
    reach = max(1, min(math.ceil(_BLUR_REACH * largest), min(height, width) - 1))
    offsets = torch.arange(-reach, reach + 1, device=x.device)
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = F.pad(x.reshape(1, count * channels, height, width), [reach] * 4, mode="reflect")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=count * channels)
    return F.conv2d(flat, kernel[:, None, None, :], groups=count * channels).view_as(x)


def cut_and_mix(x: Tensor, labels: Tensor, probability: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paste a rectangle of another frame of the batch, with its labels, into each frame with this probability.

    The area of the rectangle is uniform between 0 and 1 (CutMix with alpha 1, Yun et al., arXiv 1905.04899).
    """
    chosen, area, vertical, horizontal = send(torch.rand(4, len(x), generator=random), x.device)
    side = area.sqrt() * chosen.lt(probability)
    inside = _within(x.shape[2], vertical, side)[:, :, None] & _within(x.shape[3], horizontal, side)[:, None, :]
    return torch.where(inside[:, None], x.roll(1, 0), x), torch.where(inside, labels.roll(1, 0), labels)


def copy_and_paste(x: Tensor, labels: Tensor, probability: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paste another frame's rare objects, with their labels, into each frame with this probability, at their position.

    Rare classes are all classes with instances except person and car. Pixels are copied without smoothing the borders
    (Ghiasi et al., Simple Copy-Paste, arXiv 2012.07177).
    """
    chosen = send(torch.rand(len(x), generator=random).lt(probability), x.device)
    other = labels.roll(1, 0)
    pasted = torch.isin(other, constants(_RARE_CLASSES, x.device).byte()) & chosen[:, None, None]
    return torch.where(pasted[:, None], x.roll(1, 0), x), torch.where(pasted, other, labels)


def _within(pixels: int, place: Tensor, side: Tensor) -> Tensor:
    """Return (N, pixels) bool: pixels inside an interval of relative length ``side`` at relative position ``place``."""
    centres = (torch.arange(pixels, device=place.device) + 0.5) / pixels
    begin = (place * (1 - side))[:, None]
    return (centres >= begin) & (centres < begin + side[:, None])
