"""How a photo of any shape is brought to the one size that a model sees, and its logits back to the photo.

``stretch`` changes the photo's shape to the model's, which is how Cityscapes trained it. ``letterbox`` keeps the shape
and fills up with the normalisation's mean. ``crop`` keeps the middle that has the model's shape and says nothing about
the rest. ``tiles`` looks twice as close: overlapping windows, whose logits are blended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from cityseg.data.frame_io import resize_photo
from cityseg.errors import UsageError

Fit = Literal["stretch", "letterbox", "crop", "tiles"]
FITS: tuple[Fit, ...] = get_args(Fit)
_CLOSER = 2
"""How much closer tiles look than the whole photo would be seen."""
_STEP = 0.5
"""Distance of neighbouring tiles as a share of their size, at most."""
_BATCH = 4
"""Windows predicted at once."""


@dataclass(frozen=True)
class Plan:
    """What a model is shown of a photo.

    Attributes:
        box: (top, left, bottom, right) in pixels of the photo: the part that is predicted.
        canvas: (height, width) to which that part is resized.
        tiles: (row, column) of each window of the model's size on the canvas; beyond the canvas it is filled up.
    """

    box: tuple[int, int, int, int]
    canvas: tuple[int, int]
    tiles: tuple[tuple[int, int], ...]


def plan(photo: tuple[int, int], size: tuple[int, int], fit: Fit) -> Plan:
    """Lay out what a model of a size is shown of a photo of a size, both (height, width) in pixels.

    Raises:
        UsageError: no such fit.
    """
    (height, width), (rows, columns) = photo, size
    whole = (0, 0, height, width)
    if fit == "stretch":
        return Plan(whole, size, ((0, 0),))
    scale = min(rows / height, columns / width)
    if fit == "letterbox":
        canvas = _scaled(photo, scale)
        return Plan(whole, canvas, (((canvas[0] - rows) // 2, (canvas[1] - columns) // 2),))
    if fit == "crop":
        scale = max(rows / height, columns / width)
        inner = min(height, max(1, round(rows / scale))), min(width, max(1, round(columns / scale)))
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        return Plan((top, left, top + inner[0], left + inner[1]), size, ((0, 0),))
    if fit == "tiles":
        canvas = _scaled(photo, _CLOSER * scale)
        tiles = [(row, column) for row in _starts(canvas[0], rows) for column in _starts(canvas[1], columns)]
        return Plan(whole, canvas, tuple(tiles))
    raise UsageError(f"unknown fit {fit!r}: expected one of {', '.join(FITS)}")


def _scaled(photo: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(photo[0] * scale)), max(1, round(photo[1] * scale))


def _starts(length: int, window: int) -> list[int]:
    """Return where windows begin along one side: even, overlapping by half at least; centred where one is enough."""
    if length <= window:
        return [(length - window) // 2]
    count = int(np.ceil((length - window) / (window * _STEP))) + 1
    return [round(place) for place in np.linspace(0, length - window, count)]


def fitted_logits(
    photo: np.ndarray, size: tuple[int, int], fit: Fit, fill: tuple[int, int, int], model: Callable[[Tensor], Tensor]
) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Show a photo to a model and bring what it says together.

    Args:
        photo: (H, W, 3) uint8.
        size: (height, width) that the model sees.
        fit: how the photo is brought to it.
        fill: red, green and blue, 0 to 255, of what lies beyond the photo.
        model: (N, height, width, 3) uint8 -> (N, C, height, width) float32 logits.

    Returns:
        (C, h, w) logits and the part of the photo that they cover as (top, left, bottom, right) in its pixels.
    """
    laid = plan((photo.shape[0], photo.shape[1]), size, fit)
    top, left, bottom, right = laid.box
    canvas = np.asarray(resize_photo(photo[top:bottom, left:right], laid.canvas))
    if laid.canvas == size and len(laid.tiles) == 1:
        return model(torch.from_numpy(np.array(canvas))[None])[0], laid.box
    windows = [_window(canvas, tile, size, fill) for tile in laid.tiles]
    parts = [
        model(torch.from_numpy(np.stack(windows[first : first + _BATCH]))) for first in range(0, len(windows), _BATCH)
    ]
    return _blended(torch.cat(parts), laid.tiles, laid.canvas), laid.box


def _window(canvas: np.ndarray, tile: tuple[int, int], size: tuple[int, int], fill: tuple[int, int, int]) -> np.ndarray:
    window = np.empty((*size, 3), np.uint8)
    window[:] = fill
    inside, outside = _overlap(tile, size, (canvas.shape[0], canvas.shape[1]))
    window[inside] = canvas[outside]
    return window


def _overlap(
    tile: tuple[int, int], size: tuple[int, int], canvas: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where window and canvas overlap, in the window's coordinates and in the canvas's."""
    spans = [(max(0, start), min(start + length, full)) for start, length, full in zip(tile, size, canvas, strict=True)]
    inside = tuple(slice(low - start, high - start) for (low, high), start in zip(spans, tile, strict=True))
    return (inside[0], inside[1]), (slice(*spans[0]), slice(*spans[1]))


def _blended(logits: Tensor, tiles: tuple[tuple[int, int], ...], canvas: tuple[int, int]) -> Tensor:
    """Average (N, C, h, w) logits of windows on the canvas, each weighed by the nearness to its middle."""
    size = (logits.shape[2], logits.shape[3])
    weights = _hill(size[0], logits.device)[:, None] * _hill(size[1], logits.device)
    total = torch.zeros(logits.shape[1], *canvas, device=logits.device)
    weight = torch.zeros(canvas, device=logits.device)
    for one, tile in zip(logits, tiles, strict=True):
        (rows, columns), place = _overlap(tile, size, canvas)
        total[:, place[0], place[1]] += one[:, rows, columns] * weights[rows, columns]
        weight[place] += weights[rows, columns]
    return total / weight


def _hill(length: int, device: torch.device) -> Tensor:
    position = (torch.arange(length, device=device) + 0.5) / length
    return 1 - (2 * position - 1).abs()
