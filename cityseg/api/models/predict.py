"""Shipped models, loading models, and predicting photos."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path, PurePath
from typing import Any

from cityseg import checkpoint
from cityseg.analysis.prediction.summary import summarize
from cityseg.api.models.distribution_shift import distribution_shift
from cityseg.api.results.folders import find_result_folder, shipped_folders
from cityseg.data.image_io import read_photo_file
from cityseg.engine.runtime.device import best_device
from cityseg.errors import CheckpointError, UsageError
from cityseg.figures.images import prediction_files
from cityseg.files import file_stem, write_atomically, writing
from cityseg.inference.onnx import load_onnx
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import Fit
from cityseg.memory import enough_memory
from cityseg.metrics.calibration import FINE_BINS
from cityseg.models.tta import scaled_sizes
from cityseg.progress import OnProgress, reported


@dataclass(frozen=True)
class ModelInfo:
    """A shipped model as ``cityseg models --json`` lists it."""

    name: str  # folder in ``checkpoints/``, usable as MODEL
    architecture: str  # name in the registry
    parameters: int  # number of trained parameters
    image_size: tuple[int, int]  # (height, width) of the model's input
    trained_on: str  # name of the training data
    scores: dict[str, Any]  # summaries by split


def list_models() -> list[ModelInfo]:
    """List the shipped models by name, without damaged ones, which ``api.list_all`` names."""
    infos = []
    for folder in shipped_folders():
        with suppress(CheckpointError):
            card = checkpoint.read_card(folder)
            infos.append(
                ModelInfo(
                    folder.name, card.architecture, card.parameters, card.image_size, card.trained_on, card.scores
                )
            )
    return infos


def model_folder(model: str, runs: Path | None = None) -> Path:
    """Return the checkpoint folder of MODEL."""
    return find_result_folder(model, runs).checkpoint


def load_predictor(model: str, runs: Path | None = None) -> Predictor:
    """Load MODEL for prediction."""
    return Predictor.load(model_folder(model, runs), best_device())


def open_predictor(model: str | None, onnx: Path | None, runs: Path | None = None) -> Predictor:
    """Load a file written by ``export`` if there is one, else MODEL."""
    if onnx is not None:
        return load_onnx(onnx)
    assert model is not None
    return load_predictor(model, runs)


def predict_photos(
    model: str | None,
    photos: Sequence[Path],
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    unknown: float = 0.0,
    onnx: Path | None = None,
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> list[dict[str, Any]]:
    """Predict photo files and write the result files of each.

    The files are ``NAME_labelIds.png``, ``NAME_color.png``, ``NAME_overlay.png`` and ``NAME_classes.csv``, see
    ``cityseg.figures.images.prediction_files``. Every photo is decoded before the first file is written, so that one
    damaged photo among many leaves no partial results.

    Args:
        model: MODEL, or None with ``onnx``, a file written by ``export``.
        photos: files of any format that ``cityseg.data.image_io`` reads.
        unknown: rejection threshold, a confidence from 0 to 0.99 in hundredths; pixels below are unknown; 0 for none.

    Returns:
        Per photo: path, size, class shares, approximate object counts, mean confidence, rejection threshold and share
        of unknown pixels, distribution shift (None if the val statistics are not stored, or for an ONNX file),
        milliseconds and the files written. Shares and objects ignore the threshold, as on the Predict page.

    Raises:
        UsageError: an invalid fit, threshold or scale, or a result file that would replace one of the photos.
        DataError: a file that is not a photo.
    """
    threshold = _percent(unknown)
    predictor = open_predictor(model, onnx, runs)
    scaled_sizes(predictor.model, predictor.card.image_size, scales)  # raises before anything is read or written
    if onnx is None:
        find_result_folder(str(model), runs).detail("val")  # raises for damage before anything is written
    # A single photo is decoded before its files are written anyway.
    for path in photos if len(photos) > 1 else ():
        read_photo_file(path)
    results = []
    names = distinct_names([file_stem(path.stem) for path in photos])
    _expect_no_photo_replaced(
        photos, [out / f"{name}_{ending}" for name in names for ending in prediction_files.ENDINGS]
    )
    for path, name in reported(list(zip(photos, names, strict=True)), on_progress):
        with enough_memory(f"to predict {path}", "make the photo smaller, lower --scales, or choose a smaller model"):
            started = time.perf_counter()
            photo = read_photo_file(path)
            prediction = predictor.predict(photo, fit, flip=flip, scales=scales)
            encoders = prediction_files.encoders(photo, prediction, threshold)
            files = {
                ending.partition(".")[0]: write_file(out / f"{name}_{ending}", encode())
                for ending, encode in encoders.items()
            }
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        summary = summarize(prediction)
        shift = None if onnx else distribution_shift(str(model), photo, prediction, runs)
        results.append(
            {
                "photo": str(path),
                "size": list(photo.shape[:2]),
                "shares": summary.shares,
                "objects": summary.objects,
                "mean_confidence": summary.mean_confidence,
                "unknown": summary.rejected_share(threshold),
                "unknown_below": threshold / 100,
                "milliseconds": round(summary.milliseconds, 1),
                "familiarity": shift and {**asdict(shift), "is_familiar": shift.in_distribution},
                "total_milliseconds": milliseconds,
                "files": files,
            }
        )
    return results


def _expect_no_photo_replaced(photos: Sequence[Path], written: Sequence[Path]) -> None:
    sources = {path.resolve() for path in photos}
    if replaced := [path for path in written if path.resolve() in sources]:
        raise UsageError(
            f"{replaced[0]}: expected photos that no result file replaces, found one with the name of a result; choose "
            "another folder for the results, or leave earlier results out of the photos"
        )


def write_file(path: Path, content: bytes) -> str:
    """Write a result file, whole or not at all, and return its path."""
    with writing(path, "choose another folder"):
        write_atomically(path, lambda unfinished: unfinished.write_bytes(content))
    return str(path)


def distinct_names(names: Sequence[str], *, with_suffix: bool = False) -> list[str]:
    """Number repeated names as ``street``, ``street-2``, ``street-3``; ``with_suffix``, the number precedes it."""
    distinct: dict[str, None] = {}
    for name in names:
        suffix = PurePath(name).suffix if with_suffix else ""
        stem, unique, numbers = name.removesuffix(suffix), name, count(2)
        while unique in distinct:
            unique = f"{stem}-{next(numbers)}{suffix}"
        distinct[unique] = None
    return list(distinct)


def _percent(confidence: float) -> int:
    """Return a confidence in whole per cent, the resolution at which confidences are counted."""
    percent = round(100 * confidence) if math.isfinite(confidence) else -1
    if not 0 <= percent < FINE_BINS or abs(percent - 100 * confidence) > 1e-6:
        raise UsageError(
            f"expected a confidence from 0 to 0.99 in hundredths below which a pixel is unknown, found {confidence:g}"
        )
    return percent
