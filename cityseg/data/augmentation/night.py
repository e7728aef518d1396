"""Synthetic night: turn daytime training frames into night scenes, labels unchanged.

Cityscapes contains no night frames, and a network trained on bright skies predicts vegetation for a black sky. This is
an approximation, not a physical simulation: the sky, known from the labels, becomes a uniform dark haze; the scene
below is lit by headlights and fades with distance; lamps with halos are added; the colour cast follows the lamps.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.classes import CLASS_NAMES
from cityseg.data.transfer import constants, send

_SKY = CLASS_NAMES.index("sky")
_LAMPS = 4
_DARKEST = 0.2
_HALO_SIZE, _HALO_STRENGTH = 7.0, 0.08
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue, ITU-R BT.601."""


def make_night(x: Tensor, labels: Tensor, probability: float, random: torch.Generator) -> Tensor:
    """Turn each frame into a night scene with this probability and individual lighting.

    Photos ``x`` are (N, 3, H, W) float32 in 0 to 255 and stay so; (N, H, W) uint8 ``labels`` locate the sky.
    """
    count, _, height, width = x.shape
    draws = send(torch.rand(9, count, generator=random), x.device)
    lamps = send(torch.rand(4, count, _LAMPS, generator=random), x.device)
    chosen, exposure, sky_light, ambient, place, reach, tint, greyness, bend = draws
    rows = ((torch.arange(height, device=x.device) + 0.5) / height)[None, :]
    columns = ((torch.arange(width, device=x.device) + 0.5) / width)[None, :]

    # Headlights: a wide spot on the road ahead, plus ambient light.
    down = _bell(rows, 0.72 + 0.2 * place[:, None], 0.12 + 0.25 * reach[:, None])
    across = _bell(columns, 0.4 + 0.2 * bend[:, None], 0.2 + 0.3 * reach[:, None])
    ambient = 0.1 + 0.6 * ambient
    light = ambient[:, None, None] + (1 - ambient)[:, None, None] * down[:, :, None] * across[:, None, :]
    light = light * torch.exp(math.log(_DARKEST) - exposure * math.log(_DARKEST))[:, None, None]

    luma = constants(LUMA, x.device)
    grey = torch.einsum("nchw,c->nhw", x, luma)[:, None]
    dull = (0.7 * greyness)[:, None, None, None]
    warm = torch.stack([0.1 + 0.15 * tint, torch.zeros_like(tint), 0.1 - 0.4 * tint], 1)[:, :, None, None]
    night = torch.lerp(x, grey, dull) * light[:, None]
    # Dilated and smoothed; otherwise a bright rim would remain along the skyline.
    sky = F.max_pool2d(labels.eq(_SKY).float()[:, None], 5, stride=1, padding=2)
    sky = F.avg_pool2d(sky, 3, stride=1, padding=1, count_include_pad=False)
    # Light pollution: a night sky is often brighter than the trees and houses in front of it.
    night = torch.lerp(night, (2 + 40 * sky_light**2)[:, None, None, None], sky)

    # Lamps above the horizon, each with a halo: (N, lamps) rows, columns, sizes and strengths.
    down, across, size, strength = 0.1 + 0.4 * lamps[0], lamps[1], lamps[2] ** 2, 400 * (lamps[3] - 0.4).clamp_min(0)
    for wider, share in ((1.0, 1.0), (_HALO_SIZE, _HALO_STRENGTH)):
        lamp_down = _bell(rows[:, None], down[..., None], wider * (0.008 + 0.04 * size[..., None]))
        lamp_across = _bell(columns[:, None], across[..., None], wider * (0.004 + 0.02 * size[..., None]))
        night = night + torch.einsum("nl,nlh,nlw->nhw", share * strength, lamp_down, lamp_across)[:, None]
    night = (night * (1 + warm)).clamp(0, 255)
    return torch.where(chosen.lt(probability)[:, None, None, None], night, x)


def _bell(values: Tensor, centre: Tensor, width: Tensor) -> Tensor:
    return torch.exp(-0.5 * ((values - centre) / width) ** 2)
