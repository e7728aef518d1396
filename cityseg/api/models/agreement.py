"""Agreement of several models on a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.analysis.prediction import agreement
from cityseg.analysis.prediction.summary import reduce_map
from cityseg.api.models.predict import load_predictor, write_file
from cityseg.classes import CLASS_NAMES
from cityseg.data.image_io import read_photo_file
from cityseg.errors import UsageError
from cityseg.figures.agreement import MAX_MODELS, colored, legend
from cityseg.figures.images.png import png
from cityseg.files import file_stem
from cityseg.inference.resize import Fit
from cityseg.metrics import none_for_nan
from cityseg.progress import OnProgress, reported


@dataclass(frozen=True)
class ModelAgreement:
    """Where models agree on a photo."""

    photo: str
    size: tuple[int, int]  # (height, width) of the photo
    models: tuple[str, ...]  # in the order of the request
    share: float | None  # share of the pixels on which all agree; None if no pixel was predicted by all of them
    by_number: dict[str, float]  # share of the pixels by number of agreeing models, all first
    pairs: list[tuple[str, str, float | None]]  # (first, second, share of the pixels on which both agree)
    differences: list[dict[str, Any]]
    """Regions where the first model and each other one differ most, largest first: ``first``, ``second``, the class of
    each, ``share`` of the image, ``words``."""
    file: str  # the agreement map, a PNG of the photo's own size


def agree(
    photo: Path,
    models: Sequence[str],
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ModelAgreement:
    """Predict a photo with two to four different models and write ``NAME_agreement.png``.

    ``photo`` has any format that ``cityseg.data.image_io`` reads; ``on_progress`` counts models.
    """
    if not 2 <= len(models) <= MAX_MODELS or len(set(models)) < len(models):
        raise UsageError(f"expected 2 to {MAX_MODELS} different models, found {', '.join(models) or 'none'}")
    pixels = read_photo_file(photo)
    predictors = (load_predictor(model, runs) for model in reported(models, on_progress))
    maps = [predictor.predict(pixels, fit, flip=flip).train_ids for predictor in predictors]
    found = agreement.agreement(maps)
    path = write_file(out / f"{file_stem(photo.stem)}_agreement.png", png(colored(found.dissenting, len(models))))
    counts = np.bincount(found.dissenting.ravel(), minlength=len(models))[: len(models)]
    return ModelAgreement(
        str(photo),
        (pixels.shape[0], pixels.shape[1]),
        tuple(models),
        none_for_nan(found.share),
        {
            name: float(count / max(1, counts.sum()))
            for (name, _), count in zip(legend(len(models)), counts, strict=True)
        },
        [
            (models[first], models[second], none_for_nan(agreement.agreement([maps[first], maps[second]]).share))
            for first, second in combinations(range(len(models)), 2)
        ],
        _differences(models, [reduce_map(one) for one in maps]),
        path,
    )


def _differences(models: Sequence[str], maps: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Find differences on the reduced maps that the Predict page displays, so that both report the same."""
    size = (maps[0].shape[0], maps[0].shape[1])
    return [
        {
            "first": models[0],
            "second": name,
            "first_says": CLASS_NAMES[region.truth],
            "second_says": CLASS_NAMES[region.predicted],
            "share": region.area / (size[0] * size[1]),
            "words": agreement.describe(region, models[0], name, size),
        }
        for name, other in zip(models[1:], maps[1:], strict=True)
        for region in agreement.largest_differences(maps[0], other)
    ]
