"""Video prediction: an overlay video and a table of class shares per frame."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.api.models.predict import open_predictor
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.errors import DataError
from cityseg.figures.images.overlay import overlay
from cityseg.files import file_stem, write_atomically, writing
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import Fit
from cityseg.inference.video import Video, VideoWriter
from cityseg.text import spreadsheet_cell

VideoProgress = Callable[[int, int | None], None]
"""Called with (frames done, frames in all, or None if the file does not state it)."""


@dataclass(frozen=True)
class VideoResult:
    """Result of predicting a video."""

    frames: int  # number of predicted frames
    rate: float  # frames per second, on average
    video: Path  # the overlay video, MP4
    table: Path  # CSV, one row per frame: number, second, mean confidence, and each class's share in per cent
    shares: dict[str, float]  # mean share of each class over the frames, 0 to 1, largest first, without absent classes
    missing: int = 0  # frames that the header counts but the file lacks, as after an interrupted download
    seconds: float = 0.0  # duration, with that of the last frame
    remarks: tuple[str, ...] = ()  # sentences about what was done with an unusual video

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {**vars(self), "film": str(self.video), "table": str(self.table)}
        return {key: value for key, value in values.items() if key != "video"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> VideoResult:
        """Restore a result from ``as_dict``."""
        rest = {key: value for key, value in values.items() if key not in ("film", "table")}
        rest["remarks"] = tuple(rest.get("remarks", ()))
        return cls(video=Path(values["film"]), table=Path(values["table"]), **rest)


def predict_video(
    model: str | None,
    video: Path,
    out: Path,
    *,
    fit: Fit = "stretch",
    flip: bool = False,
    onnx: Path | None = None,
    runs: Path | None = None,
    max_pixels: int | None = None,
    on_progress: VideoProgress | None = None,
) -> VideoResult:
    """Predict a video frame by frame and write ``NAME_overlay.mp4`` and ``NAME_classes.csv``, or neither.

    The overlay and the table keep the time of every frame, counted from the first one.

    Args:
        model: MODEL, or None with ``onnx``, a file written by ``export``.
        video: a video file, a GIF (or an animated WebP or PNG), or a folder of photos, which are taken by name at ten
            frames per second.
        max_pixels: limit for all frames together; None for no limit.

    Raises:
        DataError: not a video, or a damaged or too long one.
    """
    predictor = open_predictor(model, onnx, runs)
    reader = Video(video, max_pixels)
    name = file_stem(video.resolve().name if video.is_dir() else video.stem)
    written, table = out / f"{name}_overlay.mp4", out / f"{name}_classes.csv"
    total, rows, end = np.zeros(NUM_CLASSES), list[list[Any]](), Fraction(0)

    def write_table(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            header = ["frame", "second", "mean_confidence", *(f"{name}_percent" for name in CLASS_NAMES)]
            writer.writerow(map(spreadsheet_cell, header))
            writer.writerows([*map(spreadsheet_cell, row)] for row in rows)

    def write_video(path: Path) -> None:
        nonlocal end
        with closing(VideoWriter(path, reader.rate)) as writer:
            for number, (frame, second, duration) in enumerate(reader.frames()):
                shares, confidence, blended = _predict_frame(predictor, frame, fit, flip)
                writer.add(blended, duration)
                total[:] += shares
                end = second + duration
                values = (f"{100 * share:.4f}" for share in shares)
                rows.append([number, f"{float(second):.3f}", f"{confidence:.4f}", *values])
                if on_progress:
                    on_progress(number + 1, reader.length)
        if not rows:
            raise DataError(f"{video}: expected a video with at least one frame, found none")
        # The overlay is renamed into place afterwards, so that a full disk leaves neither file.
        write_atomically(table, write_table)

    with writing(written, "choose another folder"):
        write_atomically(written, write_video)
    mean = total / len(rows)
    shares = {CLASS_NAMES[index]: float(mean[index]) for index in np.argsort(-mean, kind="stable") if mean[index]}
    return VideoResult(
        len(rows), len(rows) / float(end), written, table, shares, reader.missing, float(end), reader.remarks
    )


def _predict_frame(
    predictor: Predictor, frame: np.ndarray, fit: Fit, flip: bool
) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the class shares of a frame, its mean confidence, and its overlay."""
    prediction = predictor.predict(frame, fit, flip=flip)
    counts = np.bincount(prediction.train_ids.ravel(), minlength=256)[:NUM_CLASSES]
    confidence = float(prediction.confidence[prediction.train_ids < NUM_CLASSES].mean())
    return counts / counts.sum(), confidence, overlay(frame, prediction.train_ids)
