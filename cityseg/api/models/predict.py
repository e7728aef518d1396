"""Shipped models, loading models, and predicting photos."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path, PurePath
from typing import Any

from cityseg import checkpoint
from cityseg.analysis.prediction.summary import PredictionSummary, summarize
from cityseg.api.models.distribution_shift import distribution_shift
from cityseg.api.results.listing import find_result_folder, shipped_root
from cityseg.data.image_io import read_photo_file
from cityseg.engine.runtime.device import best_device
from cityseg.errors import DataError, UsageError
from cityseg.figures.images import prediction_files
from cityseg.inference.onnx import load_onnx
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import Fit
from cityseg.metrics.calibration import FINE_BINS
from cityseg.models.tta import scaled_sizes


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
    """List the shipped models by name."""
    infos = []
    for folder in sorted(path.parent for path in shipped_root().glob(f"*/{checkpoint.CARD}")):
        card = checkpoint.read_card(folder)
        infos.append(
            ModelInfo(folder.name, card.architecture, card.parameters, card.image_size, card.trained_on, card.scores)
        )
    return infos


def model_folder(model: str, runs: Path | None = None) -> Path:
    """Return the checkpoint folder of MODEL: a run id, a shipped model's name, or a folder.

    Raises:
        UsageError: MODEL is none of them.
    """
    return find_result_folder(model, runs).checkpoint


def load_predictor(model: str, runs: Path | None = None) -> Predictor:
    """Load MODEL for prediction.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged.
    """
    return Predictor.load(model_folder(model, runs), best_device())


def open_predictor(model: str | None, onnx: Path | None, runs: Path | None = None) -> Predictor:
    """Load the ONNX file if one is given, else MODEL.

    Raises:
        UsageError, CheckpointError: MODEL or the file is unknown or damaged.
    """
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
    on_progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Predict photo files and write the result files of each.

    The files are ``NAME_labelIds.png``, ``NAME_color.png``, ``NAME_overlay.png`` and ``NAME_classes.csv``, see
    ``cityseg.figures.images.prediction_files``. Every photo is decoded before the first file is written, so that one
    damaged photo among many leaves no partial results.

    Args:
        scales: multi-scale test-time augmentation: factors of the model's size whose logits are averaged, with
            ``flip`` each flipped too; see ``cityseg.models.tta.scaled_sizes``.
        unknown: rejection threshold, a confidence from 0 to 0.99 in hundredths; pixels below are unknown; 0 for none.

    Returns:
        Per photo: path, size, class shares, approximate object counts, mean confidence, rejection threshold and share
        of unknown pixels, distribution shift (None if the val statistics are not stored, or for an ONNX file),
        milliseconds and the files written. Shares and objects ignore the threshold, as on the Predict page.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged, or an invalid fit, threshold or scale.
        DataError: a file that is not a photo, or a folder that cannot be written.
    """
    threshold = _percent(unknown)
    predictor = open_predictor(model, onnx, runs)
    scaled_sizes(predictor.model, predictor.card.image_size, scales)  # raises before anything is read or written
    # A single photo is decoded before its files are written anyway.
    for path in photos if len(photos) > 1 else ():
        read_photo_file(path)
    results = []
    names = distinct_names([path.stem for path in photos])
    for done, (path, name) in enumerate(zip(photos, names, strict=True), start=1):
        started = time.perf_counter()
        photo = read_photo_file(path)
        make_folder(out)
        prediction = predictor.predict(photo, fit, flip=flip, scales=scales)
        encoders = prediction_files.encoders(photo, prediction, threshold)
        files = {
            ending.partition(".")[0]: write_file(out / f"{name}_{ending}", encode())
            for ending, encode in encoders.items()
        }
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        shift = None if onnx else distribution_shift(str(model), photo, prediction, runs)
        results.append(
            {
                "photo": str(path),
                "size": list(photo.shape[:2]),
                **_summary_figures(summarize(prediction), threshold),
                "familiarity": shift and {**asdict(shift), "is_familiar": shift.in_distribution},
                "total_milliseconds": milliseconds,
                "files": files,
            }
        )
        if on_progress:
            on_progress(done, len(photos))
    return results


def make_folder(out: Path) -> None:
    """Create a folder for results unless it exists.

    Raises:
        DataError: it cannot be created.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: expected a folder to write to, found {error.strerror}; choose another") from None


def write_file(path: Path, content: bytes) -> str:
    """Write a result file and return its path.

    Raises:
        DataError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise DataError(
            f"{path}: expected a file that can be written, found {error.strerror}; choose another folder"
        ) from None
    return str(path)


def distinct_names(names: Sequence[str], *, with_suffix: bool = False) -> list[str]:
    """Number repeated names as ``street``, ``street-2``, ``street-3``.

    Args:
        names: file names or their stems.
        with_suffix: whether the names end in a suffix, before which the number belongs.
    """
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


def _summary_figures(summary: PredictionSummary, threshold: int) -> dict[str, Any]:
    return {
        "shares": summary.shares,
        "objects": summary.objects,
        "mean_confidence": summary.mean_confidence,
        "unknown": summary.rejected_share(threshold),
        "unknown_below": threshold / 100,
        "milliseconds": round(summary.milliseconds, 1),
    }
