"""The predictor: from a photo to a label map of the photo's size."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cityseg import checkpoint
from cityseg.checkpoint import ModelCard
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES
from cityseg.inference.resize import Fit, fitted_logits
from cityseg.inference.upsample import at_size
from cityseg.memory import enough_memory
from cityseg.models.fused import for_inference
from cityseg.models.tta import augmented

_COUNTED_AT_ONCE = 1_000_000
_turn = threading.Lock()
"""Serialises forward passes: visitors are served by threads, and one pass uses all cores. In turn, the first visitor is
served early, and memory is needed for one pass only."""


@dataclass(frozen=True)
class Prediction:
    """A model's prediction for a photo."""

    train_ids: np.ndarray
    """(H, W) uint8 most probable class of every pixel, 255 outside the model's input."""
    confidence: np.ndarray
    """(H, W) float32 probability of that class, 0 to 1, at the model's temperature."""
    entropy: np.ndarray
    """(H, W) float32 entropy of the 19 probabilities divided by its maximum, ln 19 nats; 1 is uniform."""
    milliseconds: float
    """Time from decoded photo to label map."""

    def counts(self) -> np.ndarray:
        """Return the (19,) int64 pixels of each class, counted in parts because bincount converts to int64."""
        pixels, counts = self.train_ids.reshape(-1), np.zeros(256, np.int64)
        for first in range(0, len(pixels), _COUNTED_AT_ONCE):
            counts += np.bincount(pixels[first : first + _COUNTED_AT_ONCE], minlength=256)
        return counts[:NUM_CLASSES]

    def shares(self) -> dict[str, float]:
        """Return the pixel share of each predicted class by name, largest first; void pixels are left out."""
        counts = self.counts()
        order = np.argsort(-counts, kind="stable")
        return {CLASS_NAMES[index]: float(counts[index] / counts.sum()) for index in order if counts[index]}

    def mean_confidence(self) -> float:
        """Return the mean confidence over all pixels that are not void, 0 if there are none."""
        predicted = self.train_ids != IGNORE_INDEX
        return float(self.confidence.mean(where=predicted, dtype=np.float64)) if predicted.any() else 0.0


class Predictor:
    """A model, (N, 3, H, W) -> (N, 19, H, W) logits in evaluation mode, with the preprocessing of its training."""

    def __init__(self, model: nn.Module, card: ModelCard) -> None:
        self.model, self.card = model, card
        weight = next(model.parameters(), None)
        self.device = torch.device("cpu") if weight is None else weight.device

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> Predictor:
        """Load a checkpoint folder for inference; raises CheckpointError."""
        model, card = checkpoint.load(folder, device)
        return cls(for_inference(model, torch.device(device)), card)

    def predict(
        self, photo: np.ndarray, fit: Fit = "stretch", *, flip: bool = False, scales: Sequence[float] = (1.0,)
    ) -> Prediction:
        """Predict a photo of any size.

        The probabilities, not the labels, are resized to the photo (bilinear), so that borders are smooth.

        Args:
            photo: (H, W, 3) uint8 RGB.
            fit: resize mode, see ``inference.resize``; pixels that ``crop`` omits are void.
            flip: flip TTA.
            scales: multi-scale TTA, factors of the model's size; see ``cityseg.models.tta.scaled_sizes``.

        Raises:
            UsageError: unknown fit, or scales that the model does not accept.
            OutOfMemory: the photo is too large for the memory.
        """
        purpose = f"to predict a photo of {photo.shape[1]}x{photo.shape[0]} pixels"
        with _turn, enough_memory(purpose, "make it smaller, use fewer or lower scales, or choose a smaller model"):
            return self._predict(photo, fit, augmented(self.model, self.card.image_size, scales, flip=flip))

    def _predict(self, photo: np.ndarray, fit: Fit, network: nn.Module) -> Prediction:
        begun = time.perf_counter()
        size = (photo.shape[0], photo.shape[1])
        logits, (top, left, bottom, right) = self._logits(photo, fit, network)
        with torch.no_grad():
            read = at_size(logits, (bottom - top, right - left), self.card.temperature)
        parts = [part.cpu().numpy() for part in read]
        if (bottom - top, right - left) != size:
            margins, outside = ((top, size[0] - bottom), (left, size[1] - right)), (IGNORE_INDEX, 0, 1)
            parts = [np.pad(part, margins, constant_values=fill) for part, fill in zip(parts, outside, strict=True)]
        train_ids, confidence, entropy = parts
        return Prediction(train_ids, confidence, entropy, (time.perf_counter() - begun) * 1000)

    def logits(self, photo: np.ndarray) -> Tensor:
        """Return (19, h, w) float32 logits over the temperature of a stretched (H, W, 3) uint8 RGB photo."""
        with _turn:
            return self._logits(photo, "stretch", self.model)[0] / self.card.temperature

    def _logits(self, photo: np.ndarray, fit: Fit, network: nn.Module) -> tuple[Tensor, tuple[int, int, int, int]]:
        red, green, blue = (min(255, max(0, round(255 * value))) for value in self.card.normalization.mean)

        def run(frames: Tensor) -> Tensor:
            logits: Tensor = network(self.card.normalization.apply(frames.to(self.device)))
            # Channels-last logits would be slow to upsample.
            return logits.float().contiguous()

        with torch.no_grad():
            return fitted_logits(photo, self.card.image_size, fit, (red, green, blue), run)
