"""Robustness of a model to image corruptions: measured on a split and stored with the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cityseg import checkpoint
from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.comparison.bootstrap import Score
from cityseg.api.data.connect import connect
from cityseg.api.results.folders import find_result_folder, sidecar_folder
from cityseg.api.results.sidecar import read_finding, write_finding
from cityseg.data.augmentation.corruptions import CORRUPTIONS
from cityseg.data.dataset import Split
from cityseg.data.prepared import cache
from cityseg.documents import Count, Document, check
from cityseg.documents import Score as StoredScore
from cityseg.engine import robustness as engine
from cityseg.engine.runtime.device import best_device
from cityseg.metrics import none_for_nan
from cityseg.progress import OnProgress
from cityseg.runs import Run

_VERSION = 1
ScoreInterval = tuple[float, float | None, float | None]
"""A score and the ends of its 95 % interval over the frames, None with too few frames."""


class _StoredScores(Document):
    name: str
    words: str
    f1: list[StoredScore | None]
    iou: list[StoredScore | None]


class _Stored(Document):
    frames: Count
    size: list[Count] | None
    plain: _StoredScores
    changed: list[_StoredScores]


@dataclass(frozen=True)
class CorruptionScores:
    """Scores of a model under one corruption."""

    name: str  # name of the corruption, empty for uncorrupted frames
    words: str  # description of the corruption
    f1: ScoreInterval  # macro F1 with interval
    iou: ScoreInterval  # mean IoU with interval


@dataclass(frozen=True)
class Robustness:
    """Scores of a split without corruption and under each corruption."""

    model: str  # id of the result
    split: Split
    frames: int  # number of frames
    size: tuple[int, int] | None
    """(height, width) that older scores were measured at, the network's; None for each label's own size."""
    plain: CorruptionScores  # scores of the uncorrupted frames
    changed: tuple[CorruptionScores, ...]  # scores under each corruption, in the order of ``CORRUPTIONS``

    @property
    def mean_f1(self) -> float:
        """Macro F1, averaged over the corruptions."""
        return float(np.mean([each.f1[0] for each in self.changed]))

    @property
    def retained(self) -> float:
        """``mean_f1`` as a share of the uncorrupted macro F1, 0 if that is 0."""
        return self.mean_f1 / self.plain.f1[0] if self.plain.f1[0] else 0.0


def robustness_files(run: Run, split: Split, runs: Path | None = None) -> tuple[Path, ...]:
    """Return the files that may hold a result's robustness: a shipped model's own, and the sidecar."""
    name = f"robustness-{split}.json"
    return tuple(dict.fromkeys((run.folder / name, sidecar_folder(run, runs) / name)))


def find_robustness(model: str, split: Split, fingerprint: str, runs: Path | None = None) -> Robustness | None:
    """Return the stored robustness of a result's present weights on the data of this fingerprint, or None."""
    run = find_result_folder(model, runs)

    def parse(stored: Mapping[str, Any]) -> Robustness:
        check(_Stored, stored)
        plain, *changed = (
            CorruptionScores(each["name"], each["words"], _interval(each["f1"]), _interval(each["iou"]))
            for each in (stored["plain"], *stored["changed"])
        )
        height, width = stored["size"] or (0, 0)
        size = (height, width) if height else None
        return Robustness(run.id, split, stored["frames"], size, plain, tuple(changed))

    read = (read_finding(file, run, fingerprint, _VERSION, parse) for file in robustness_files(run, split, runs))
    return next((found for found in read if found), None)


def measure_robustness(
    model: str,
    spec: str | None,
    split: Split = "val",
    *,
    runs: Path | None = None,
    keep_in: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Robustness:
    """Score a model on a split without corruption and under each one, at each label's own size.

    Stored scores are returned at once, unless they were measured at another size.

    They are stored in ``keep_in``, by default the result's sidecar folder.
    """
    run = find_result_folder(model, runs)
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    frames = cache.prepare(connect(spec, on_progress), split, card.image_size, on_progress=on_progress)
    known = find_robustness(model, split, frames.meta.fingerprint, runs)
    if known is not None and known.size is None and keep_in is None:
        return known
    plain, changed = engine.evaluate_corruptions(
        network, frames, card.normalization, device, card.temperature, on_progress=on_progress
    )
    result = Robustness(
        run.id,
        split,
        len(frames),
        None,
        _scores("", "as it is", plain),
        tuple(_scores(each.name, each.words, changed[each.name]) for each in CORRUPTIONS),
    )
    path = (keep_in or sidecar_folder(run, runs)) / f"robustness-{split}.json"
    write_finding(path, run, frames.meta.fingerprint, _VERSION, asdict(result))
    return result


def _scores(name: str, words: str, matrices: np.ndarray) -> CorruptionScores:
    scores = bootstrap.scores(matrices)
    return CorruptionScores(name, words, *(_with_interval(scores[f"macro {metric}"]) for metric in ("f1", "iou")))


def _interval(stored: Sequence[float | None]) -> ScoreInterval:
    value, low, high = stored
    if value is None:
        raise ValueError("expected a score, found none")
    return value, low, high


def _with_interval(score: Score) -> ScoreInterval:
    return none_for_nan(score.value) or 0.0, none_for_nan(score.low), none_for_nan(score.high)
