"""Distribution shift of a photo relative to the val frames of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cityseg import checkpoint
from cityseg.analysis.prediction.distribution_shift import DistributionShift, measure_shift
from cityseg.api.results.folders import find_result_folder
from cityseg.classes import IGNORE_INDEX
from cityseg.data.frame_io import resize_photo
from cityseg.inference.predictor import Prediction
from cityseg.metrics.image_statistics import light


def distribution_shift(
    model: str, photo: np.ndarray, prediction: Prediction, runs: Path | None = None
) -> DistributionShift | None:
    """Compare a (H, W, 3) uint8 photo and its prediction by MODEL with MODEL's val frames; None if not stored."""
    run = find_result_folder(model, runs)
    val = run.detail("val")
    if val is None:
        return None
    small = np.array(resize_photo(photo, checkpoint.read_card(run.checkpoint).image_size))
    mean, deviation = light(torch.from_numpy(small)[None])[0].tolist()
    counts = prediction.counts()
    predicted = prediction.train_ids != IGNORE_INDEX
    entropy = float(prediction.entropy.mean(where=predicted, dtype=np.float64)) if predicted.any() else 1.0
    return measure_shift(val, (mean, deviation), counts / max(1, counts.sum()), entropy)
