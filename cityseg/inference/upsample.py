"""Upsample logits to the classes of a photo, without 19 maps of the photo's size.

Probabilities are interpolated bilinearly, and the largest one decides. Where the four neighbouring cells agree on the
class, so does every interpolation of them, and only the probability of that class is interpolated. All 19 are
interpolated along borders only, a tenth of a usual photo. A GPU would have to wait for the list of borders, so there
all of them are interpolated everywhere; both ways have the same result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.metrics import most_probable

_BAND_PIXELS = 400_000
"""Pixels per band of rows."""
_BORDER_PIXELS = 16_000
"""Border pixels per step, so that their 19 probabilities stay in a core's cache."""
_BORDER = 255
"""Mark of a border pixel in place of its class."""


def at_size(logits: Tensor, size: tuple[int, int], temperature: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Upsample logits a band of rows at a time, so that a large photo takes little memory.

    Args:
        logits: (C, h, w) float32.
        size: (height, width) of the result.
        temperature: divides the logits before they become probabilities.

    Returns:
        On the logits' device, each (height, width): uint8 classes of the largest resized probability, that float32
        probability, and the resized float32 entropy of the model's own pixels as a share of its maximum.
    """
    height, width = size
    shares, entropy = _probabilities(logits, temperature)
    train_ids = torch.empty(size, dtype=torch.uint8, device=logits.device)
    confidence, unsure = torch.empty(2, *size, device=logits.device)
    rows, columns = (
        _Between.of(height, logits.shape[1], logits.device),
        _Between.of(width, logits.shape[2], logits.device),
    )
    read = _AlongBorders(shares, columns) if logits.device.type == "cpu" else _Everywhere(shares, columns)
    step = max(1, _BAND_PIXELS // width)
    for top in range(0, height, step):
        band = slice(top, min(top + step, height))
        part = rows.part(band)
        train_ids[band], confidence[band] = read(part)
        unsure[band] = _mixed(entropy[None], part, width)[0]
    return train_ids, confidence, unsure


def probabilities_at(
    logits: Tensor, size: tuple[int, int], row: int, column: int, temperature: float = 1.0
) -> np.ndarray:
    """Return the (C,) float64 probabilities that ``at_size`` compares at one pixel of the photo of this size."""
    rows = _Between.of(size[0], logits.shape[1], logits.device).part(slice(row, row + 1))
    columns = _Between.of(size[1], logits.shape[2], logits.device).part(slice(column, column + 1))
    shares, _ = _probabilities(logits.double(), temperature)
    tall = torch.lerp(shares[:, rows.low], shares[:, rows.high], rows.share.double())
    mixed = torch.lerp(tall[..., columns.low], tall[..., columns.high], columns.share.double())
    return mixed[:, 0, 0].cpu().numpy()


def _probabilities(logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return (C, h, w) probabilities and their (h, w) entropy, 0 to 1."""
    log_shares = (logits / temperature).log_softmax(0)
    shares = log_shares.exp()
    return shares, -(shares * log_shares).sum(0) / math.log(len(logits))


class _Between(NamedTuple):
    """The two cells between which every pixel of one side lies, for bilinear resizing without aligned corners.

    (N,) int64 ``low`` and ``high``, which are equal at the edges, and the (N,) float32 weight ``share`` of ``high``.
    """

    low: Tensor
    high: Tensor
    share: Tensor

    @classmethod
    def of(cls, pixels: int, cells: int, device: torch.device) -> _Between:
        place = ((torch.arange(pixels, device=device) + 0.5) * (cells / pixels) - 0.5).clamp(0, cells - 1)
        low = place.floor().long()
        return cls(low, (low + 1).clamp_max(cells - 1), place - low)

    def part(self, pixels: slice) -> _Between:
        return _Between(*(values[pixels] for values in self))


def _mixed(maps: Tensor, rows: _Between, width: int) -> Tensor:
    """Resize (C, h, w) to (C, rows, width): rows by hand, columns by torch, which equals resizing at once."""
    tall = torch.lerp(maps[:, rows.low], maps[:, rows.high], rows.share[None, :, None])
    return F.interpolate(tall[None], size=(tall.shape[1], width), mode="bilinear")[0]


class _Everywhere:
    """Interpolates all probabilities of every pixel."""

    def __init__(self, shares: Tensor, columns: _Between) -> None:
        self._shares, self._columns = shares, columns

    def __call__(self, rows: _Between) -> tuple[Tensor, Tensor]:
        wide = _mixed(self._shares, rows, len(self._columns.low))
        return most_probable(wide[None])[0], wide.amax(0)


class _AlongBorders:
    """Interpolates all probabilities only where the four cells around a pixel differ in class."""

    def __init__(self, shares: Tensor, columns: _Between) -> None:
        self._columns = columns
        self._best = shares.amax(0)
        classes = most_probable(shares[None])[0]
        # A cell's probabilities lie side by side, so that picking cells reads whole lines of memory.
        self._cells = shares.flatten(1).t().contiguous()
        self._width = shares.shape[2]
        padded = F.pad(classes[None, None].float(), (0, 1, 0, 1), mode="replicate")[0, 0].to(torch.uint8)
        own = padded[:-1, :-1]
        borders = (own != padded[1:, :-1]) | (own != padded[:-1, 1:]) | (own != padded[1:, 1:])
        # Columns first, so that bands copy whole rows instead of gathering single pixels.
        self._marked = classes.masked_fill(borders, _BORDER)[:, columns.low]

    def __call__(self, rows: _Between) -> tuple[Tensor, Tensor]:
        train_ids = self._marked[rows.low]
        confidence = _mixed(self._best[None], rows, len(self._columns.low))[0]
        flat_ids, flat_confidence = train_ids.view(-1), confidence.view(-1)
        border = torch.from_numpy(np.flatnonzero(train_ids.numpy() == _BORDER))
        for places in torch.split(border, _BORDER_PIXELS):
            best, classes = self._mixed_at(rows, places).max(1)
            flat_ids[places] = classes.to(torch.uint8)
            flat_confidence[places] = best
        return train_ids, confidence

    def _mixed_at(self, rows: _Between, places: Tensor) -> Tensor:
        """Return (N, C) probabilities at flat places of a band."""
        columns = self._columns
        row = torch.div(places, len(columns.low), rounding_mode="floor")
        column = places - row * len(columns.low)
        # Neighbours in a row lie between the same four cells, which are interpolated vertically once for all of them.
        between = row * self._width + columns.low[column]
        begins = between.diff(prepend=between.new_tensor([-1])) != 0
        run, first = begins.cumsum(0) - 1, begins.nonzero()[:, 0]
        row, begun = row[first], column[first]
        upper, lower, down = rows.low[row] * self._width, rows.high[row] * self._width, rows.share[row, None]
        left, right = (
            self._cells.index_select(0, upper + side).lerp_(self._cells.index_select(0, lower + side), down)
            for side in (columns.low[begun], columns.high[begun])
        )
        return left.index_select(0, run).lerp_(right.index_select(0, run), columns.share[column, None])
