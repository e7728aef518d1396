"""Every pixel of a split once more: classes and their probabilities, for questions that counts cannot answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from cityseg.data.batches import Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.evaluate import EVALUATION_BATCH
from cityseg.engine.runtime.precision import arithmetic
from cityseg.metrics import most_probable


def survey(
    model: nn.Module,
    split: CachedSplit,
    normalization: Normalization,
    device: torch.device,
    temperature: float = 1.0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Predict a split in float32, in the batches of an evaluation, holding one of them at a time.

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits, in evaluation mode.
        split: photos at the model's size.
        normalization: what the model expects.
        device: where the model lies.
        temperature: divides the logits before they become probabilities.

    Yields:
        For each frame (H, W) uint8 train ids and the (H, W) float32 probability of that class.
    """
    for first in range(0, len(split), EVALUATION_BATCH):
        photos = torch.from_numpy(np.array(split.photos[first : first + EVALUATION_BATCH])).to(device)
        with torch.no_grad(), arithmetic("float32", device):
            logits = model(normalization.apply(photos)).float()
            train_ids = most_probable(logits).cpu().numpy()
            confidence = (logits / temperature).softmax(1).amax(1).cpu().numpy()
        yield from zip(train_ids, confidence, strict=True)
