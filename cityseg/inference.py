"""From a photo to a label map at the photo's own size."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg import checkpoint
from cityseg.checkpoint import ModelCard
from cityseg.fit import Fit, fitted_logits
from cityseg.labels import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES
from cityseg.metrics import most_probable

_BAND_PIXELS = 1_000_000
"""Pixels whose 19 probabilities are held at once."""


@dataclass(frozen=True)
class Prediction:
    """What a model sees in a photo.

    Attributes:
        train_ids: (H, W) uint8 most probable class of every pixel, 255 where the model was shown nothing.
        confidence: (H, W) float32 probability of that class, 0 to 1, at the model's temperature.
        entropy: (H, W) float32 of all 19 probabilities, as a share of the largest there can be (that of 19 equal
            ones, ln 19 nats): 0 where the model is sure, 1 where it cannot tell at all.
        milliseconds: time from decoded photo to label map.
    """

    train_ids: np.ndarray
    confidence: np.ndarray
    entropy: np.ndarray
    milliseconds: float

    def shares(self) -> dict[str, float]:
        """Return the share of all pixels that were looked at by class name, largest first, classes that occur only."""
        counts = np.bincount(self.train_ids.ravel(), minlength=NUM_CLASSES)[:NUM_CLASSES]
        order = np.argsort(-counts, kind="stable")
        return {CLASS_NAMES[index]: float(counts[index] / counts.sum()) for index in order if counts[index]}


class Predictor:
    """A loaded model with the preparation it was trained with.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits, in evaluation mode.
        card: tells size and normalisation.
    """

    def __init__(self, model: nn.Module, card: ModelCard) -> None:
        self.model, self.card = model, card
        weight = next(model.parameters(), None)
        self.device = torch.device("cpu") if weight is None else weight.device

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> Predictor:
        """Load a checkpoint folder; raises what ``checkpoint.load`` raises."""
        return cls(*checkpoint.load(folder, device))

    def predict(self, photo: np.ndarray, fit: Fit = "stretch", *, flip: bool = False) -> Prediction:
        """Predict a photo of any size.

        The photo is brought to the model's size as ``fit`` says; the logits are resized to the photo (bilinear) before
        the most probable class is taken, so that borders are smooth and labels are never mixed.

        Args:
            photo: (H, W, 3) uint8 RGB.
            fit: how it is brought to the model's size, see ``cityseg.fit``. What ``crop`` leaves out is void.
            flip: look at the mirrored photo too, and average the logits.

        Raises:
            UsageError: no such fit.
        """
        begun = time.perf_counter()
        size = (photo.shape[0], photo.shape[1])
        logits, (top, left, bottom, right) = self._look(photo, fit, flip)
        with torch.no_grad():
            read = at_size(logits, (bottom - top, right - left), self.card.temperature)
        parts = [part.cpu().numpy() for part in read]
        if (bottom - top, right - left) != size:
            whole = [np.full(size, value, part.dtype) for part, value in zip(parts, (IGNORE_INDEX, 0, 1), strict=True)]
            for full, part in zip(whole, parts, strict=True):
                full[top:bottom, left:right] = part
            parts = whole
        train_ids, confidence, entropy = parts
        return Prediction(train_ids, confidence, entropy, (time.perf_counter() - begun) * 1000)

    def logits(self, photo: np.ndarray) -> Tensor:
        """Return (19, h, w) float32 logits over the temperature of a stretched photo, for ``probabilities_at``.

        Args:
            photo: (H, W, 3) uint8 RGB.
        """
        return self._look(photo, "stretch", False)[0] / self.card.temperature

    def _look(self, photo: np.ndarray, fit: Fit, flip: bool) -> tuple[Tensor, tuple[int, int, int, int]]:
        red, green, blue = (min(255, max(0, round(255 * value))) for value in self.card.normalization.mean)

        def run(frames: Tensor) -> Tensor:
            x = self.card.normalization.apply(frames.to(self.device))
            logits: Tensor = self.model(x).float()
            return (logits + self.model(x.flip(-1)).float().flip(-1)) / 2 if flip else logits

        with torch.no_grad():
            return fitted_logits(photo, self.card.image_size, fit, (red, green, blue), run)


def probabilities_at(logits: Tensor, size: tuple[int, int], row: int, column: int) -> np.ndarray:
    """Return the (19,) float64 probabilities of one pixel of a photo, those ``Predictor.predict`` decides by.

    Args:
        logits: (19, h, w) at the model's size, from ``Predictor.logits``.
        size: (height, width) of the photo.
        row: of the pixel, below ``height``.
        column: of the pixel, below ``width``.
    """
    top, bottom, down = _between(row, size[0], logits.shape[1])
    left, right, across = _between(column, size[1], logits.shape[2])
    corners = logits[:, (top, top, bottom, bottom), (left, right, left, right)].double().cpu()
    weights = torch.tensor([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
    return (corners @ weights.double()).softmax(0).numpy()


def _between(position: int, full: int, cells: int) -> tuple[int, int, float]:
    """Return the two cells that a pixel lies between, and how near to the second it is, as bilinear resizing has it."""
    at = min(max((position + 0.5) * (cells / full) - 0.5, 0.0), cells - 1.0)
    low = int(at)
    return low, min(low + 1, cells - 1), at - low


def at_size(logits: Tensor, size: tuple[int, int], temperature: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Read logits at another size, a band of rows at a time, so that a large photo takes little memory.

    Args:
        logits: (C, h, w) float32.
        size: (height, width); the logits are resized to it bilinearly, then the most probable class is taken.
        temperature: divides the logits before they become probabilities; classes do not depend on it.

    Returns:
        On the logits' device, each (height, width): uint8 train ids, float32 probabilities of them, and float32 entropy
        of all C probabilities as a share of the largest there can be.
    """
    height, width = size
    train_ids = torch.empty(size, dtype=torch.uint8, device=logits.device)
    confidence = torch.empty(size, dtype=torch.float32, device=logits.device)
    entropy = torch.empty(size, dtype=torch.float32, device=logits.device)
    # Bilinear resizing is separable: rows by hand for a band, columns by torch. The result equals resizing at once.
    position = (torch.arange(height, device=logits.device) + 0.5) * (logits.shape[1] / height) - 0.5
    position = position.clamp(0, logits.shape[1] - 1)
    above = position.floor().long()
    below = (above + 1).clamp_max(logits.shape[1] - 1)
    share = (position - above)[None, :, None]
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = slice(top, min(top + rows, height))
        mixed = torch.lerp(logits[:, above[band]], logits[:, below[band]], share[:, band])
        wide = F.interpolate(mixed[None], size=(mixed.shape[1], width), mode="bilinear")[0]
        train_ids[band] = most_probable(wide[None])[0]
        below_best = wide.sub_(wide.amax(0)).div_(temperature)
        shares = below_best.exp()
        total = shares.sum(0)
        confidence[band] = total.reciprocal()
        # With p = share / total: -sum(p ln p) = ln total - sum(share * ln share) / total.
        nats = total.log() - shares.mul_(below_best).sum(0) / total
        entropy[band] = (nats / math.log(len(logits))).clamp_(0, 1)
    return train_ids, confidence, entropy
