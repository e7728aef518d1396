"""Flips between two results: by frame from stored matrices, by pixel from new predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.analysis.comparison import flips as analysis
from cityseg.analysis.comparison.comparability import Basis, obstacles
from cityseg.analysis.comparison.flips import FLIP_NAMES, FlipShares, FrameFlips
from cityseg.analysis.errors.frame_errors import truth_pixels
from cityseg.api.data.connect import connect
from cityseg.api.data.frames import FrameView, frame_view
from cityseg.api.models.predict import load_predictor
from cityseg.api.results.listing import Result, find_result
from cityseg.classes import CLASS_NAMES
from cityseg.data.dataset import Split
from cityseg.data.frame_io import resize_label
from cityseg.errors import DataError, UsageError
from cityseg.metrics import none_for_nan
from cityseg.progress import OnProgress, reported


@dataclass(frozen=True)
class Flips:
    """Pixels fixed and broken from one result to another."""

    first: str  # name of the baseline
    second: str  # name of the candidate
    split: Split
    obstacles: tuple[str, ...]  # reasons why the two are not comparable; if there are any, ``frames`` is None
    names: tuple[str, ...]  # (N,) frames
    frames: FrameFlips | None  # correct pixels of both in every frame, from the stored matrices, at the evaluation size
    counts: np.ndarray | None
    """(N, 19, 4) pixels of each ground truth class that are fixed, broken, both wrong and both right, from predictions
    at the label's own size; None if nothing was predicted."""

    @property
    def shares(self) -> FlipShares | None:
        """The four cases over all predicted frames."""
        return None if self.counts is None else analysis.flip_shares(self.counts)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; frames most broken first if that is known."""
        order = range(len(self.names)) if self.frames is None else np.argsort(self.frames.net, kind="stable").tolist()
        document: dict[str, Any] = {
            "from": self.first,
            "to": self.second,
            "split": self.split,
            "withheld": list(self.obstacles),
            "frames": [self._frame(index) for index in order],
        }
        if self.counts is not None:
            document["flips"] = _json_shares(self.counts)
            cases = [name.replace(" ", "_") for name in FLIP_NAMES]
            document["per_class"] = {
                name: dict(zip(cases, map(int, counts), strict=True))
                for name, counts in zip(CLASS_NAMES, self.counts.sum(0), strict=True)
            }
        return document

    def _frame(self, index: int) -> dict[str, Any]:
        entry: dict[str, Any] = {"frame": self.names[index]}
        if self.frames is not None:
            entry |= {
                "right_from": int(self.frames.first[index]),
                "right_to": int(self.frames.second[index]),
                "net": int(self.frames.net[index]),
                "pixels": int(self.frames.pixels[index]),
            }
        if self.counts is not None:
            entry["flips"] = _json_shares(self.counts[index])
        return entry


def flips(
    first: str,
    second: str,
    split: Split = "test",
    *,
    frame: str | None = None,
    data: str | None = None,
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Flips:
    """Compare two results by frame, and with ``data`` by pixel.

    Args:
        first: MODEL that is the baseline.
        second: MODEL that is the candidate.
        frame: name of the only frame; None for all.
        data: dataset to predict; None predicts nothing.

    Raises:
        UsageError: an unknown frame, or results on different frames.
        DataError: a result that was not scored on the split, or data without its frames.
    """
    results = [find_result(name, runs) for name in (first, second)]
    stored = [result.run.confusions(split) for result in results]
    if stored[0].frames != stored[1].frames:
        raise UsageError(
            f"{first}, {second}: expected two results on the same frames of {split}, found different ones; evaluate "
            "both on the same data"
        )
    names = stored[0].frames
    if frame is not None and frame not in names:
        raise UsageError(f"unknown frame {frame!r} of {split}: expected one of {', '.join(names[:3])} and so on")
    kept = [index for index, name in enumerate(names) if frame in (None, name)]
    found = obstacles(*(Basis.of(result.scores.get(split, {}), split) for result in results))
    before, after = (one.matrices[kept] for one in stored)
    names = tuple(names[index] for index in kept)
    return Flips(
        first,
        second,
        split,
        found,
        names,
        None if found else analysis.frame_flips(before, after),
        None if data is None else _predict(results, before, names, split, data, on_progress),
    )


def _predict(
    results: Sequence[Result],
    matrices: np.ndarray,
    names: Sequence[str],
    split: Split,
    data: str,
    on_progress: OnProgress | None,
) -> np.ndarray:
    """Predict frames with both results and count the flips at the labels' own size: (N, 19, 4)."""
    dataset = connect(data)
    held = {found.name for found in dataset.frames(split)}
    if missing := [name for name in names if name not in held]:
        raise DataError(
            f"{dataset.name}: expected the {split} frames that {results[0].id} was measured on, found no "
            f"{missing[0]}; connect {results[0].measured_on}"
        )
    predictors = [load_predictor(str(result.run.folder)) for result in results]
    counts = []
    for name, matrix in reported(list(zip(names, matrices, strict=True)), on_progress):
        frame = frame_view(dataset, split, name)
        _check_labels(frame, matrix, results[0], split, dataset.name)
        predicted = [predictor.predict(frame.photo).train_ids for predictor in predictors]
        counts.append(analysis.flip_counts(analysis.flip_map(frame.train_ids, *predicted), frame.train_ids))
    return np.stack(counts)


def _check_labels(frame: FrameView, matrix: np.ndarray, result: Result, split: Split, data: str) -> None:
    """Check that a frame has the labels that were evaluated: synthetic datasets repeat frame names."""
    size = Basis.of(result.scores.get(split, {}), split).size
    labels = resize_label(frame.train_ids, size) if size else frame.train_ids
    if not np.array_equal(truth_pixels(labels), matrix.sum(1)):
        raise DataError(
            f"{data}: expected the labels that {result.id} was measured on, found others for {frame.name}; connect "
            f"{result.measured_on}"
        )


def _json_shares(counts: np.ndarray) -> dict[str, Any]:
    shares = vars(analysis.flip_shares(counts))
    return {key: none_for_nan(value) if isinstance(value, float) else value for key, value in shares.items()}
