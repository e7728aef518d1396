"""From a photo to a label map at the photo's own size."""

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
from cityseg.models.fused import for_inference
from cityseg.models.tta import augmented

_COUNTED_AT_ONCE = 1_000_000
_turn = threading.Lock()
"""Visitors of the app and of the demo come in threads of their own. A pass uses all cores, so that several at once only
wait for each other's threads; one after the other the first is done early, and no more than one needs its memory."""


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

    def counts(self) -> np.ndarray:
        """Return the (19,) int64 pixels of each class; numpy would make eight bytes of each to count all at once."""
        pixels, counts = self.train_ids.reshape(-1), np.zeros(256, np.int64)
        for first in range(0, len(pixels), _COUNTED_AT_ONCE):
            counts += np.bincount(pixels[first : first + _COUNTED_AT_ONCE], minlength=256)
        return counts[:NUM_CLASSES]

    def shares(self) -> dict[str, float]:
        """Return the share of all pixels that were looked at by class name, largest first, classes that occur only."""
        counts = self.counts()
        order = np.argsort(-counts, kind="stable")
        return {CLASS_NAMES[index]: float(counts[index] / counts.sum()) for index in order if counts[index]}

    def mean_confidence(self) -> float:
        """Return the mean over all pixels that were looked at, 0 where none was."""
        looked = self.train_ids != IGNORE_INDEX
        return float(self.confidence.mean(where=looked, dtype=np.float64)) if looked.any() else 0.0


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
        """Load a checkpoint folder, for predicting alone; raises what ``checkpoint.load`` raises."""
        model, card = checkpoint.load(folder, device)
        return cls(for_inference(model, torch.device(device)), card)

    def predict(
        self, photo: np.ndarray, fit: Fit = "stretch", *, flip: bool = False, scales: Sequence[float] = (1.0,)
    ) -> Prediction:
        """Predict a photo of any size.

        The photo is brought to the model's size as ``fit`` says; the probabilities are resized to the photo (bilinear)
        before the largest one is taken, so that borders are smooth and labels are never mixed.

        Args:
            photo: (H, W, 3) uint8 RGB.
            fit: how it is brought to the model's size, see ``inference.resize``; pixels that ``crop`` omits are void.
            flip: look at the mirrored photo too, and average the logits.
            scales: look at what ``fit`` made of it at each of these factors of the model's size, and average the
                logits; see ``cityseg.models.tta.scaled_sizes``. With ``flip`` each is looked at mirrored too.

        Raises:
            UsageError: no such fit, or scales that this model cannot look at.
        """
        with _turn:
            return self._predict(photo, fit, augmented(self.model, self.card.image_size, scales, flip=flip))

    def _predict(self, photo: np.ndarray, fit: Fit, looking: nn.Module) -> Prediction:
        begun = time.perf_counter()
        size = (photo.shape[0], photo.shape[1])
        logits, (top, left, bottom, right) = self._look(photo, fit, looking)
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
        with _turn:
            return self._look(photo, "stretch", self.model)[0] / self.card.temperature

    def _look(self, photo: np.ndarray, fit: Fit, looking: nn.Module) -> tuple[Tensor, tuple[int, int, int, int]]:
        red, green, blue = (min(255, max(0, round(255 * value))) for value in self.card.normalization.mean)

        def run(frames: Tensor) -> Tensor:
            logits: Tensor = looking(self.card.normalization.apply(frames.to(self.device)))
            # A network ordered channels last has such logits, which enlarging would read slowly.
            return logits.float().contiguous()

        with torch.no_grad():
            return fitted_logits(photo, self.card.image_size, fit, (red, green, blue), run)
