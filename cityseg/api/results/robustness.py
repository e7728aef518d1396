"""How a model bears other cameras: measured on a split, kept with the result."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cityseg import checkpoint
from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.comparison.bootstrap import Score
from cityseg.api.data.connect import connect
from cityseg.api.results.listing import find_result_folder
from cityseg.api.results.sidecar import notes_folder, stamp, written
from cityseg.data.augmentation.corruptions import CORRUPTIONS
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared import cache
from cityseg.engine import robustness as engine
from cityseg.engine.runtime.device import best_device
from cityseg.files import write_json
from cityseg.progress import OnProgress
from cityseg.runs import Run

_VERSION = 1


Triple = tuple[float, float | None, float | None]


@dataclass(frozen=True)
class Condition:
    """A model's scores under one change of the camera, each with its 95 % interval over the frames.

    Attributes:
        name: the corruption's, empty for the frames as they are.
        words: what was done to the frames.
        f1: macro F1, and the ends of its interval, None where too few frames decide.
        iou: mean IoU, likewise.
    """

    name: str
    words: str
    f1: Triple
    iou: Triple


@dataclass(frozen=True)
class Robustness:
    """Scores of a split as it is and under every change.

    Attributes:
        model: the result's id.
        split: which frames.
        frames: how many.
        size: (height, width) of the frames and of the scores.
        plain: the frames as they are.
        changed: a condition per corruption, in their order.
    """

    model: str
    split: Split
    frames: int
    size: tuple[int, int]
    plain: Condition
    changed: tuple[Condition, ...]

    @property
    def mean_f1(self) -> float:
        """Macro F1, averaged over the changes."""
        return float(np.mean([condition.f1[0] for condition in self.changed]))

    @property
    def retained(self) -> float:
        """Share of the plain macro F1 that is left on average, 0 where that is 0."""
        return self.mean_f1 / self.plain.f1[0] if self.plain.f1[0] else 0.0


def robustness_files(run: Run, split: Split, runs: Path | None = None) -> tuple[Path, ...]:
    """Return where a result's figures can lie: with a shipped model, and where later findings are kept."""
    name = f"robustness-{split}.json"
    return tuple(dict.fromkeys((run.folder / name, notes_folder(run, runs) / name)))


def find_robustness(model: str, split: Split, fingerprint: str, runs: Path | None = None) -> Robustness | None:
    """Return the stored figures of a result's present weights on the data of this fingerprint, or None.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged.
    """
    run = find_result_folder(model, runs)
    files = [file for file in robustness_files(run, split, runs) if file.is_file()]
    holds = stamp(run, fingerprint, _VERSION) if files else ""
    read = (_read(file, run.id, split, holds) for file in files)
    return next((found for found in read if found), None)


def _read(file: Path, model: str, split: Split, holds: str) -> Robustness | None:
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored.pop("stamp") != holds:
            return None
        plain, *changed = (
            Condition(each["name"], each["words"], tuple(each["f1"]), tuple(each["iou"]))
            for each in (stored["plain"], *stored["changed"])
        )
        return Robustness(model, split, stored["frames"], tuple(stored["size"]), plain, tuple(changed))
    except (OSError, ValueError, KeyError, TypeError):
        # Damaged: it can be made anew.
        return None


def measure_robustness(
    model: str,
    spec: str | None,
    split: Split = "val",
    *,
    runs: Path | None = None,
    keep_in: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Robustness:
    """Score a model on a split as it is and as other cameras would show it; stored figures are returned at once.

    Args:
        model: MODEL.
        spec: the dataset.
        split: val, so that models can be chosen by it, or another.
        runs: folder of runs.
        keep_in: folder to keep the figures in; by default with the run, or beside the runs.
        on_progress: called with (frames done, frames in all), first while decoding, then over all passes.

    Raises:
        UsageError, DataError, CheckpointError: a wrong MODEL, dataset or checkpoint, or a folder that cannot be
            written.
    """
    run = find_result_folder(model, runs)
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    frames = cache.prepare(connect(spec, on_progress), split, card.image_size, on_progress=on_progress)
    known = find_robustness(model, split, frames.meta.fingerprint, runs)
    if known is not None and keep_in is None:
        return known
    found = engine.measure_robustness(network, frames, card.normalization, device, on_progress=on_progress)
    result = Robustness(
        run.id,
        split,
        len(frames),
        frames.size,
        _condition("", "as it is", found.plain),
        tuple(_condition(each.name, each.words, found.changed[each.name]) for each in CORRUPTIONS),
    )
    path = (keep_in or notes_folder(run, runs)) / f"robustness-{split}.json"
    document = {**asdict(result), "stamp": stamp(run, frames.meta.fingerprint, _VERSION)}
    written(path, lambda: write_json(path, document))
    return result


def _condition(name: str, words: str, matrices: np.ndarray) -> Condition:
    scores = bootstrap.scores(matrices)
    f1, iou = (_triple(scores[f"macro {metric}"]) for metric in ("f1", "iou"))
    return Condition(name, words, f1, iou)


def _triple(score: Score) -> Triple:
    ends = [None if np.isnan(end) else float(end) for end in (score.low, score.high)]
    return (0.0 if np.isnan(score.value) else float(score.value), ends[0], ends[1])
