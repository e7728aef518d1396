"""Models: which there are, how good they are, and what they see in a photo."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cityseg import checkpoint
from cityseg.analysis.prediction.summary import Seen, digest
from cityseg.api.models.distribution_shift import familiarity
from cityseg.api.results.listing import find_result_folder, shipped_root
from cityseg.data import image_io as photo_files
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


def open_predictor(model: str | None, onnx: Path | None, runs: Path | None = None) -> Predictor:
    """Open MODEL, or a file that ``export`` has written where one is named.

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
    """Predict photo files and write the result files of each, see ``cityseg.figures.images.prediction_files``.

    The files are ``NAME_labelIds.png``, ``NAME_color.png``, ``NAME_overlay.png`` and ``NAME_classes.csv``.

    Every photo is decoded before the first file is written, so a bad one among many loses nothing.

    Args:
        model: MODEL, or None where a file is named instead.
        photos: files of any kind that ``cityseg.data.image_io`` reads.
        out: folder for the results, made if missing.
        fit: how a photo is brought to the model's size, see ``cityseg.inference.resize``.
        flip: also look at every photo mirrored, and average.
        scales: look at every photo at each of these factors of the model's size, with ``flip`` each mirrored too, and
            average; see ``cityseg.models.tta.scaled_sizes``.
        unknown: confidence, 0 to 0.99, in hundredths, below which a pixel is unknown; 0 for never.
        onnx: a file that ``export`` has written, used instead of MODEL.
        runs: folder of runs.
        on_progress: called with (photos done, photos in all).

    Returns:
        Per photo: its path, size, class shares, about how many objects, mean confidence, the share of pixels that are
        unknown and below which confidence, how familiar the photo is (None where val was not counted, or for an ONNX
        file), milliseconds and the files written. Shares and objects are those of the most probable classes,
        whatever the confidence, as on the predict page.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged, there is no such fit or confidence, or the model
            cannot look at these scales.
        DataError: a file that is no photo, or a folder that cannot be written.
    """
    least = _percent(unknown)
    predictor = open_predictor(model, onnx, runs)
    scaled_sizes(predictor.model, predictor.card.image_size, scales)  # refused before anything is read or written
    # A single one is decoded before its files are written anyway.
    for path in photos if len(photos) > 1 else ():
        photo_files.read_photo_file(path)
    results = []
    for done, (path, name) in enumerate(zip(photos, _distinct_names(photos), strict=True), start=1):
        begun = time.perf_counter()
        photo = photo_files.read_photo_file(path)
        make_folder(out)
        prediction = predictor.predict(photo, fit, flip=flip, scales=scales)
        makers = prediction_files.makers(photo, prediction, least).items()
        files = {ending.partition(".")[0]: write_file(out / f"{name}_{ending}", make()) for ending, make in makers}
        milliseconds = round((time.perf_counter() - begun) * 1000, 1)
        familiar = None if onnx else familiarity(str(model), photo, prediction, runs)
        results.append(
            {
                "photo": str(path),
                "size": list(photo.shape[:2]),
                **_told(digest(prediction), least),
                "familiarity": familiar and {**asdict(familiar), "is_familiar": familiar.is_familiar},
                "total_milliseconds": milliseconds,
                "files": files,
            }
        )
        if on_progress:
            on_progress(done, len(photos))
    return results


def make_folder(out: Path) -> None:
    """Make a folder for results, if it is missing; raises DataError where that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: expected a folder to write to, found {error.strerror}; choose another") from None


def _percent(confidence: float) -> int:
    """Return a confidence in whole per cents, which is how exactly confidences are counted."""
    percent = round(100 * confidence) if math.isfinite(confidence) else -1
    if not 0 <= percent < FINE_BINS or abs(percent - 100 * confidence) > 1e-6:
        raise UsageError(
            f"expected a confidence from 0 to 0.99 in hundredths below which a pixel is unknown, found {confidence:g}"
        )
    return percent


def write_file(path: Path, content: bytes) -> str:
    """Write a result and return its path; raises DataError where that cannot be."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise DataError(
            f"{path}: expected a file that can be written, found {error.strerror}; choose another folder"
        ) from None
    return str(path)


def _told(seen: Seen, least: int) -> dict[str, Any]:
    return {
        "shares": seen.shares,
        "objects": seen.objects,
        "mean_confidence": seen.confidence,
        "unknown": seen.unknown(least),
        "unknown_below": least / 100,
        "milliseconds": round(seen.milliseconds, 1),
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
