"""Features of whole frames: what the deepest level of a network's encoder computes, averaged over the frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cityseg.data.prepared.cache import CachedSplit
from cityseg.errors import UsageError
from cityseg.inference.predictor import Predictor
from cityseg.progress import OnProgress

FEATURES_BATCH = 16
"""Frames per forward pass; larger batches are slower on a CPU, whose cache they leave."""


def pooled_features(predictor: Predictor, split: CachedSplit, on_progress: OnProgress | None = None) -> np.ndarray:
    """Return (N, C) float32 features of a split's frames, in their order.

    Each channel is the mean over the pixels of the bottleneck (of our U-Net) or of the encoder's last level (of the
    baselines). The decoder is not run, and the frames are read at the size of the cache, whatever size the model was
    trained at: the networks are fully convolutional.

    Raises:
        UsageError: the network has no encoder that is known here, or does not accept frames of this size.
    """
    bottleneck = getattr(predictor.model, "bottleneck", None)
    if bottleneck is None:
        raise UsageError(
            f"expected a network with an encoder, found {predictor.card.architecture}; choose another model"
        )
    pooled: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(split), FEATURES_BATCH):
            photos = torch.from_numpy(np.array(split.photos[start : start + FEATURES_BATCH])).to(predictor.device)
            pooled.append(bottleneck(predictor.card.normalization.apply(photos)).float().mean((-2, -1)).cpu())
            if on_progress:
                on_progress(min(start + FEATURES_BATCH, len(split)), len(split))
    features = torch.cat(pooled).numpy()
    if not np.isfinite(features).all():
        raise UsageError(
            f"expected finite features of {predictor.card.architecture}, found NaN or infinity; choose another model"
        )
    return features
