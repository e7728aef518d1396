"""Whether a photo is like what a model knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cityseg import checkpoint
from cityseg.analysis.prediction.distribution_shift import Familiarity
from cityseg.analysis.prediction.distribution_shift import familiarity as placed
from cityseg.api.results.listing import find_result_folder
from cityseg.classes import IGNORE_INDEX
from cityseg.data.frame_io import resize_photo
from cityseg.inference.predictor import Prediction
from cityseg.metrics.image_statistics import light


def familiarity(model: str, photo: np.ndarray, prediction: Prediction, runs: Path | None = None) -> Familiarity | None:
    """Place a photo among the val frames of a model; None where these were not counted.

    Args:
        model: MODEL.
        photo: (H, W, 3) uint8.
        prediction: what the model said about it.
        runs: folder of runs.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged.
    """
    run = find_result_folder(model, runs)
    known = run.detail("val")
    if known is None:
        return None
    size = checkpoint.read_card(run.checkpoint).image_size
    small = np.array(resize_photo(photo, size))
    mean, deviation = light(torch.from_numpy(small)[None])[0].tolist()
    counts = prediction.counts()
    seen = prediction.train_ids != IGNORE_INDEX
    entropy = float(prediction.entropy.mean(where=seen, dtype=np.float64)) if seen.any() else 1.0
    return placed(known, (mean, deviation), counts / max(1, counts.sum()), entropy)
