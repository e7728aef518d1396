"""From a photo to a label map at the photo's own size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg import checkpoint
from cityseg.checkpoint import ModelCard
from cityseg.data.images import resize_photo
from cityseg.labels import CLASS_NAMES, NUM_CLASSES
from cityseg.metrics import most_probable

_BAND_PIXELS = 1_000_000
"""Pixels whose 19 probabilities are held at once."""


@dataclass(frozen=True)
class Prediction:
    """What a model sees in a photo.

    Attributes:
        train_ids: (H, W) uint8 most probable class of every pixel.
        confidence: (H, W) float32 probability of that class, 0 to 1.
        milliseconds: time from decoded photo to label map.
    """

    train_ids: np.ndarray
    confidence: np.ndarray
    milliseconds: float

    def shares(self) -> dict[str, float]:
        """Return the share of all pixels by class name, largest first, classes that occur only."""
        counts = np.bincount(self.train_ids.ravel(), minlength=NUM_CLASSES)
        order = np.argsort(-counts, kind="stable")
        return {CLASS_NAMES[index]: float(counts[index] / self.train_ids.size) for index in order if counts[index]}


class Predictor:
    """A loaded model with the preparation it was trained with.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits, in evaluation mode.
        card: tells size and normalisation.
    """

    def __init__(self, model: nn.Module, card: ModelCard) -> None:
        self.model, self.card = model, card
        self.device = next(model.parameters()).device

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> Predictor:
        """Load a checkpoint folder; raises what ``checkpoint.load`` raises."""
        return cls(*checkpoint.load(folder, device))

    def predict(self, photo: np.ndarray) -> Prediction:
        """Predict a photo of any size.

        The photo is stretched to the model's size; the logits are resized to the photo (bilinear) before the
        most probable class is taken, so that borders are smooth and labels are never mixed.

        Args:
            photo: (H, W, 3) uint8 RGB.
        """
        begun = time.perf_counter()
        small = torch.from_numpy(np.array(resize_photo(photo, self.card.image_size))).to(self.device)
        with torch.no_grad():
            logits = self.model(self.card.normalization.apply(small[None])).float()
            train_ids, confidence = at_size(logits[0], (photo.shape[0], photo.shape[1]))
            train_ids, confidence = train_ids.cpu(), confidence.cpu()
        return Prediction(train_ids.numpy(), confidence.numpy(), (time.perf_counter() - begun) * 1000)


def at_size(logits: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Read logits at another size, a band of rows at a time, so that a large photo takes little memory.

    Args:
        logits: (C, h, w) float32.
        size: (height, width); the logits are resized to it bilinearly, then the most probable class is taken.

    Returns:
        (height, width) uint8 train ids and (height, width) float32 probabilities of them, on the logits' device.
    """
    height, width = size
    train_ids = torch.empty(size, dtype=torch.uint8, device=logits.device)
    confidence = torch.empty(size, dtype=torch.float32, device=logits.device)
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
        # The softmax of the largest logit alone, without the other 18 probabilities.
        confidence[band] = torch.exp(wide.amax(0) - wide.logsumexp(0))
    return train_ids, confidence
