"""Resize photos of any shape to the model's input size, and map the logits back.

``stretch`` ignores the aspect ratio, as training on Cityscapes does. ``letterbox`` keeps it and pads with the
normalisation's mean. ``crop`` predicts only the centre with the model's aspect ratio. ``tiles`` predicts overlapping
windows at twice the scale and blends their logits.
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
_TILE_SCALE = 2
"""Scale of tiles relative to the letterboxed photo."""
_STEP = 0.5
"""Largest distance of neighbouring tiles as a share of their size."""
_BATCH = 4
"""Windows predicted at once."""


@dataclass(frozen=True)
class Plan:
    """The windows of a photo that a model predicts."""

    box: tuple[int, int, int, int]
    """(top, left, bottom, right) of the predicted part, in pixels of the photo."""
    canvas: tuple[int, int]
    """(height, width) to which that part is resized."""
    tiles: tuple[tuple[int, int], ...]
    """(row, column) of each window of the model's size on the canvas; outside of the canvas it is padded."""


def plan(photo: tuple[int, int], size: tuple[int, int], fit: Fit) -> Plan:
    """Plan the windows for a photo and a model, both sizes as (height, width) in pixels.

    Raises:
        UsageError: ``fit`` is unknown.
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
        canvas = _scaled(photo, _TILE_SCALE * scale)
        tiles = [(row, column) for row in _starts(canvas[0], rows) for column in _starts(canvas[1], columns)]
        return Plan(whole, canvas, tuple(tiles))
    raise UsageError(f"unknown fit {fit!r}: expected one of {', '.join(FITS)}")


def _scaled(photo: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(photo[0] * scale)), max(1, round(photo[1] * scale))


def _starts(length: int, window: int) -> list[int]:
    """Return the starts of windows along one side: even, overlapping by half at least; one window is centred."""
    if length <= window:
        return [(length - window) // 2]
    count = int(np.ceil((length - window) / (window * _STEP))) + 1
    return [round(place) for place in np.linspace(0, length - window, count)]


def fitted_logits(
    photo: np.ndarray, size: tuple[int, int], fit: Fit, fill: tuple[int, int, int], model: Callable[[Tensor], Tensor]
) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Predict a photo's windows and blend their logits.

    Args:
        photo: (H, W, 3) uint8.
        size: (height, width) of the model's input.
        fit: resize mode.
        fill: red, green and blue, 0 to 255, of the padding.
        model: (N, height, width, 3) uint8 -> (N, C, height, width) float32 logits.

    Returns:
        (C, h, w) logits and the part of the photo that they cover as (top, left, bottom, right) in its pixels.
    """
    layout = plan((photo.shape[0], photo.shape[1]), size, fit)
    top, left, bottom, right = layout.box
    canvas = resize_photo(photo[top:bottom, left:right], layout.canvas)
    if layout.canvas == size and len(layout.tiles) == 1:
        return model(torch.from_numpy(np.array(canvas))[None])[0], layout.box
    windows = torch.from_numpy(np.stack([_window(canvas, tile, size, fill) for tile in layout.tiles]))
    logits = torch.cat([model(batch) for batch in torch.split(windows, _BATCH)])
    return _blended(logits, layout.tiles, layout.canvas), layout.box


def _window(canvas: np.ndarray, tile: tuple[int, int], size: tuple[int, int], fill: tuple[int, int, int]) -> np.ndarray:
    window = np.empty((*size, 3), np.uint8)
    window[:] = fill
    inside, outside = _overlap(tile, size, (canvas.shape[0], canvas.shape[1]))
    window[inside] = canvas[outside]
    return window


def _overlap(
    tile: tuple[int, int], size: tuple[int, int], canvas: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the overlap of a window and the canvas, in coordinates of the window and of the canvas."""
    spans = [(max(0, start), min(start + length, full)) for start, length, full in zip(tile, size, canvas, strict=True)]
    inside = tuple(slice(low - start, high - start) for (low, high), start in zip(spans, tile, strict=True))
    return (inside[0], inside[1]), (slice(*spans[0]), slice(*spans[1]))


def _blended(logits: Tensor, tiles: tuple[tuple[int, int], ...], canvas: tuple[int, int]) -> Tensor:
    """Average (N, C, h, w) logits of windows on the canvas, each weighted by the distance to its border."""
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
