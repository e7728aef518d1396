"""How far several models agree on a photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.analysis.prediction import agreement
from cityseg.analysis.prediction.summary import reduced
from cityseg.api.models.predict import load_predictor, make_folder, write_file
from cityseg.classes import CLASS_NAMES
from cityseg.data.image_io import read_photo_file
from cityseg.errors import UsageError
from cityseg.figures.agreement import MOST_MODELS, colored, legend
from cityseg.figures.images.png import png
from cityseg.inference.resize import Fit


@dataclass(frozen=True)
class Agreed:
    """Where models agree on a photo.

    Attributes:
        photo: the file.
        size: (height, width) of the photo.
        models: in the order in which they were named.
        share: of the pixels on which all say the same; None where no pixel was shown to all of them.
        by_number: share of the pixels by how many agree, from all on.
        pairs: (first, second, share of the pixels on which both say the same).
        differences: where the first model and each other one differ most, largest first: ``first``, ``second``, what
            each says, ``share`` of the picture, ``words``.
        file: the map of agreement, a PNG of the photo's own size.
    """

    photo: str
    size: tuple[int, int]
    models: tuple[str, ...]
    share: float | None
    by_number: dict[str, float]
    pairs: list[tuple[str, str, float | None]]
    differences: list[dict[str, Any]]
    file: str


def agree(
    photo: Path,
    models: Sequence[str],
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    runs: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Agreed:
    """Let several models look at a photo, and write ``NAME_agreement.png``.

    Args:
        photo: a file of any kind that ``cityseg.data.image_io`` reads.
        models: two to four different MODELs.
        out: folder for the map, made if missing.
        fit: how the photo is brought to the size of each model.
        flip: also look at it mirrored, and average.
        runs: folder of runs.
        on_progress: called with (models done, models in all).

    Raises:
        UsageError, CheckpointError: too few or too many models, one that is unknown or damaged, no such fit.
        DataError: no photo, or a folder that cannot be written.
    """
    if not 2 <= len(models) <= MOST_MODELS or len(set(models)) < len(models):
        raise UsageError(f"expected 2 to {MOST_MODELS} different models, found {', '.join(models) or 'none'}")
    pixels = read_photo_file(photo)
    maps = []
    for done, model in enumerate(models, start=1):
        maps.append(load_predictor(model, runs).predict(pixels, fit, flip=flip).train_ids)
        if on_progress:
            on_progress(done, len(models))
    found = agreement.agreement(maps)
    make_folder(out)
    path = write_file(out / f"{photo.stem}_agreement.png", png(colored(found.dissenting, len(models))))
    counts = np.bincount(found.dissenting.ravel(), minlength=len(models))[: len(models)]
    names = [name for name, _ in legend(len(models))]
    return Agreed(
        str(photo),
        (pixels.shape[0], pixels.shape[1]),
        tuple(models),
        _share(found),
        {name: float(count / max(1, counts.sum())) for name, count in zip(names, counts, strict=True)},
        [
            (models[one], models[other], _share(agreement.agreement([maps[one], maps[other]])))
            for one, other in combinations(range(len(models)), 2)
        ],
        _differences(models, [reduced(one) for one in maps]),
        path,
    )


def _share(found: agreement.Agreement) -> float | None:
    return None if np.isnan(found.share) else found.share


def _differences(models: Sequence[str], maps: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Find them on the maps that the predict page shows, so that both tell the same."""
    size = (maps[0].shape[0], maps[0].shape[1])
    return [
        {
            "first": models[0],
            "second": name,
            "first_says": CLASS_NAMES[region.truth],
            "second_says": CLASS_NAMES[region.predicted],
            "share": region.area / (size[0] * size[1]),
            "words": agreement.words(region, models[0], name, size),
        }
        for name, seen in zip(models[1:], maps[1:], strict=True)
        for region in agreement.largest(maps[0], seen)
    ]
