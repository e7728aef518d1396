"""Whether a photo is like what a model knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cityseg import checkpoint
from cityseg.analysis.familiarity import Familiarity
from cityseg.analysis.familiarity import familiarity as placed
from cityseg.api.runs import find_result_folder
from cityseg.data.images import resize_photo
from cityseg.inference import Prediction
from cityseg.metrics.traits import class_counts, light


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
    counts = class_counts(torch.from_numpy(prediction.train_ids)[None])[0].double()
    shares = (counts / counts.sum().clamp_min(1)).numpy()
    seen = prediction.train_ids != 255
    return placed(known, (mean, deviation), shares, float(prediction.entropy[seen].mean()) if seen.any() else 1.0)
