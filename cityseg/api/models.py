"""Models: which there are, how good they are, and what they see in a photo."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cityseg import checkpoint, labels
from cityseg import photos as photo_files
from cityseg.api.runs import find_result_folder, shipped_root
from cityseg.engine.device import best_device
from cityseg.errors import DataError
from cityseg.export import load_onnx
from cityseg.figures.overlay import overlay
from cityseg.figures.png import png
from cityseg.fit import Fit
from cityseg.inference import Predictor


@dataclass(frozen=True)
class ModelInfo:
    """A shipped model as ``cityseg models --json`` lists it.

    Attributes:
        name: folder in ``checkpoints/``, usable as MODEL.
        architecture: name in the registry.
        parameters: number of trained parameters.
        image_size: (height, width) the model sees.
        trained_on: words that name the training data.
        scores: summaries by split.
    """

    name: str
    architecture: str
    parameters: int
    image_size: tuple[int, int]
    trained_on: str
    scores: dict[str, Any]


def models() -> list[ModelInfo]:
    """List the shipped models by name."""
    infos = []
    for folder in sorted(path.parent for path in shipped_root().glob(f"*/{checkpoint.CARD}")):
        card = checkpoint.read_card(folder)
        infos.append(
            ModelInfo(folder.name, card.architecture, card.parameters, card.image_size, card.trained_on, card.scores)
        )
    return infos


def model_folder(model: str, runs: Path | None = None) -> Path:
    """Return the folder of weights behind MODEL: a run id, a shipped model's name, or a folder.

    Raises:
        UsageError: MODEL is none of them.
    """
    return find_result_folder(model, runs).checkpoint


def load_predictor(model: str, runs: Path | None = None) -> Predictor:
    """Load MODEL for predicting photos.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged.
    """
    return Predictor.load(model_folder(model, runs), best_device())


def predict_photos(
    model: str | None,
    photos: Sequence[Path],
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    onnx: Path | None = None,
    runs: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Predict photo files and write ``NAME_labelIds.png``, ``NAME_color.png`` and ``NAME_overlay.png`` for each.

    Every photo is decoded before the first file is written, so a bad one among many loses nothing.

    Args:
        model: MODEL, or None where a file is named instead.
        photos: files of any kind that ``cityseg.photos`` reads.
        out: folder for the results, made if missing.
        fit: how a photo is brought to the model's size, see ``cityseg.fit``.
        flip: also look at every photo mirrored, and average.
        onnx: a file that ``export`` has written, used instead of MODEL.
        runs: folder of runs.
        on_progress: called with (photos done, photos in all).

    Returns:
        Per photo: its path, size, class shares, mean confidence, milliseconds and the files written.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged, or there is no such fit.
        DataError: a file that is no photo, or a folder that cannot be written.
    """
    if onnx is None:
        assert model is not None
        predictor = load_predictor(model, runs)
    else:
        predictor = load_onnx(onnx)
    # A single one is decoded before its files are written anyway.
    for photo in photos if len(photos) > 1 else ():
        photo_files.read_photo_file(photo)
    results = []
    for done, (path, name) in enumerate(zip(photos, _distinct_names(photos), strict=True), start=1):
        results.append(_predict_file(predictor, path, out, name, fit, flip))
        if on_progress:
            on_progress(done, len(photos))
    return results


def _predict_file(predictor: Predictor, path: Path, out: Path, name: str, fit: Fit, flip: bool) -> dict[str, Any]:
    begun = time.perf_counter()
    photo = photo_files.read_photo_file(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: expected a folder to write to, found {error.strerror}; choose another") from None
    prediction = predictor.predict(photo, fit, flip=flip)
    pictures: dict[str, Callable[[], np.ndarray]] = {
        "labelIds": lambda: labels.to_label_ids(prediction.train_ids),
        "color": lambda: labels.to_color(prediction.train_ids),
        "overlay": lambda: overlay(photo, prediction.train_ids),
    }
    files = {}
    for kind, make in pictures.items():
        target = out / f"{name}_{kind}.png"
        target.write_bytes(png(make()))
        files[kind] = str(target)
    return {
        "photo": str(path),
        "size": list(photo.shape[:2]),
        "shares": prediction.shares(),
        "mean_confidence": float(prediction.confidence.mean()),
        "milliseconds": round(prediction.milliseconds, 1),
        "total_milliseconds": round((time.perf_counter() - begun) * 1000, 1),
        "files": files,
    }


def _distinct_names(photos: Sequence[Path]) -> list[str]:
    """Return the stems, numbered where two photos share one."""
    names: list[str] = []
    for photo in photos:
        name, number = photo.stem, 2
        while name in names:
            name, number = f"{photo.stem}-{number}", number + 1
        names.append(name)
    return names
