"""Films, GIFs and folders of photos: an overlay film and a table of what each frame holds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.api.models.predict import open_predictor
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.errors import DataError
from cityseg.figures.images.overlay import overlay
from cityseg.files import write_atomically
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import Fit
from cityseg.inference.video import Clip, FilmWriter

_NOTICEABLE = 0.01
"""Share of the frames from which on missing ones are told: a head may count a few that were never meant to be seen."""
ClipProgress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class ClipResult:
    """What came of a clip.

    Attributes:
        frames: how many were predicted.
        rate: frames per second of the clip.
        film: the overlay, MP4.
        table: a line per frame, CSV: number, second, mean confidence, and each class's share in per cent.
        shares: mean share of each class over the frames, 0 to 1, largest first, those that occur.
        missing: frames that the clip's head promises and its end lacks, as in a film whose download was cut off.
    """

    frames: int
    rate: float
    film: Path
    table: Path
    shares: dict[str, float]
    missing: int = 0


def predict_clip(
    model: str | None,
    clip: Path,
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    onnx: Path | None = None,
    runs: Path | None = None,
    most_pixels: int | None = None,
    on_progress: ClipProgress | None = None,
) -> ClipResult:
    """Predict a clip frame by frame and write ``NAME_overlay.mp4`` and ``NAME_classes.csv``, or neither.

    Args:
        model: MODEL, or None where a file is named instead.
        clip: a film, a GIF, or a folder of photos, which are taken by name, ten a second.
        out: folder for the results, made if missing.
        fit: how a frame is brought to the model's size, see ``cityseg.inference.resize``.
        flip: also look at every frame mirrored, and average.
        onnx: a file that ``export`` has written, used instead of MODEL.
        runs: folder of runs.
        most_pixels: of all frames together; None for any number.
        on_progress: called with (frames done, frames in all or None where the file does not tell).

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged.
        DataError: no clip, a damaged or too long one, or a folder that cannot be written.
    """
    predictor = open_predictor(model, onnx, runs)
    opened = Clip(clip, most_pixels)
    name = clip.name if clip.is_dir() else clip.stem
    film, table = out / f"{name}_overlay.mp4", out / f"{name}_classes.csv"
    rate, total = float(opened.rate), np.zeros(NUM_CLASSES)
    rows: list[list[Any]] = []

    def write_film(part: Path) -> None:
        with closing(FilmWriter(part, opened.rate)) as writer:
            for number, frame in enumerate(opened.frames()):
                shares, confidence, drawn = _predicted(predictor, frame, fit, flip)
                writer.add(drawn)
                total[:] += shares
                rows.append([number, f"{number / rate:.3f}", f"{confidence:.4f}", *(f"{100 * s:.4f}" for s in shares)])
                if on_progress:
                    on_progress(number + 1, opened.length)
        if not rows:
            raise DataError(f"{clip}: expected a clip with at least one frame, found none")

    def write_table(part: Path) -> None:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["frame", "second", "mean_confidence", *(f"{name}_percent" for name in CLASS_NAMES)])
            writer.writerows(rows)

    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(film, write_film)
        write_atomically(table, write_table)
    except OSError as error:
        raise DataError(f"{out}: expected a folder to write to, found {error.strerror}; choose another") from None
    mean = total / len(rows)
    order = np.argsort(-mean, kind="stable")
    shares = {CLASS_NAMES[place]: float(mean[place]) for place in order if mean[place]}
    missing = 0 if opened.length is None else opened.length - len(rows)
    return ClipResult(len(rows), rate, film, table, shares, missing if missing >= _NOTICEABLE * len(rows) else 0)


def _predicted(predictor: Predictor, frame: np.ndarray, fit: Fit, flip: bool) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the classes' shares of a frame, the mean confidence, and the frame with the classes over it."""
    found = predictor.predict(frame, fit, flip=flip)
    counts = np.bincount(found.train_ids.ravel(), minlength=256)[:NUM_CLASSES]
    seen = found.train_ids < NUM_CLASSES
    return counts / counts.sum(), float(found.confidence[seen].mean()), overlay(frame, found.train_ids)
