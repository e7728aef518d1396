"""The label audit of a result: made in one pass over a split, kept with the result, judged region by region.

The pass is stored in ``audit-<split>.npz`` and the verdicts in ``verdicts-<split>.json``: in the run's own folder, or
in ``runs/.audits/<name>/`` for shipped models, whose folder may be read-only.
"""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from cityseg import checkpoint
from cityseg.analysis.errors import label_audit as judging
from cityseg.analysis.errors import regions
from cityseg.analysis.errors.label_audit import VERDICTS, Disagreement, Verdict
from cityseg.analysis.errors.regions import Region
from cityseg.api.data.connect import connect
from cityseg.api.results.listing import find_result_folder
from cityseg.api.results.sidecar import notes_folder, stamp, written
from cityseg.classes import CLASS_NAMES
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.prediction_pass import survey
from cityseg.engine.runtime.device import best_device
from cityseg.errors import DataError, UsageError
from cityseg.files import write_atomically, write_json
from cityseg.metrics import summarize
from cityseg.progress import OnProgress
from cityseg.runs import Run

CONFIDENCE = 0.8
"""Least mean probability of a disagreement that is worth a look, unless something else is asked."""
_VERSION = 2
_JUDGING = threading.Lock()
_LEAST_SHARE = 4096
"""Regions below one part in so many of a frame are not kept: they are borders, not objects."""
_MOST = 5000
"""So many regions of a split are kept, the largest."""


@dataclass(frozen=True)
class Audit:
    """What one pass over a split found.

    Attributes:
        model: the result's id.
        split: which frames.
        size: (height, width) in pixels at which label and prediction were compared: the model's own.
        names: (N) frames.
        bands: (N, 4, 19, 19) int64 counts per frame and band of rows, see ``analysis.audit.BANDS``.
        sizes: (N, 3, 19, 19) int64 counts per frame and size of the objects, see ``analysis.audit.SIZES``.
        found: the largest disagreements of the split, largest first, whatever their confidence.
        folder: where the pass and the verdicts are kept.
    """

    model: str
    split: Split
    size: tuple[int, int]
    names: tuple[str, ...]
    bands: np.ndarray
    sizes: np.ndarray
    found: tuple[Disagreement, ...]
    folder: Path

    @property
    def matrices(self) -> np.ndarray:
        """(N, 19, 19) int64 counts per frame, rows = truth: those of an evaluation at the model's size."""
        counts: np.ndarray = self.bands.sum(1)
        return counts

    @property
    def verdict_file(self) -> Path:
        """Where verdicts are kept."""
        return self.folder / f"verdicts-{self.split}.json"


def audit_file(model: str, split: Split, runs: Path | None = None) -> Path:
    """Return where the audit of a result is stored, whether there is one or not; raises UsageError as MODEL does."""
    return _file(notes_folder(find_result_folder(model, runs), runs), split)


def find_audit(model: str, split: Split, fingerprint: str, runs: Path | None = None) -> Audit | None:
    """Return the stored audit of a result's present weights on the data of this fingerprint, or None.

    Raises:
        UsageError, CheckpointError: MODEL is unknown or damaged.
    """
    run = find_result_folder(model, runs)
    folder = notes_folder(run, runs)
    try:
        with np.load(_file(folder, split), allow_pickle=False) as stored:
            if str(stored["stamp"]) != stamp(run, fingerprint, _VERSION):
                return None
            names = tuple(stored["frames"].tolist())
            bands, sizes = stored["bands"].astype(np.int64), stored["sizes"].astype(np.int64)
            height, width = stored["size"].tolist()
            found = _unpacked(stored, names)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        # None yet, or torn by a full disk: it can be made anew.
        return None
    return Audit(run.id, split, (height, width), names, bands, sizes, found, folder)


def make_audit(
    model: str,
    spec: str | None,
    split: Split,
    *,
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Audit:
    """Predict a split and keep where the model disagrees with its labels; a stored audit is returned at once.

    Memory holds one batch of frames and the regions. Stopping it (an ``on_progress`` that raises) leaves nothing.

    Args:
        model: MODEL.
        spec: the dataset.
        split: val or test (or train).
        runs: folder of runs.
        on_progress: called with (frames done, frames in all), first while decoding, then while predicting.

    Raises:
        UsageError, DataError, CheckpointError: a wrong MODEL, dataset or checkpoint, or a folder that cannot be
            written.
    """
    run = find_result_folder(model, runs)
    dataset = connect(spec, on_progress)
    frames = cache.prepare(dataset, split, checkpoint.read_card(run.checkpoint).image_size, on_progress=on_progress)
    known = find_audit(model, split, frames.meta.fingerprint, runs)
    if known is not None:
        return known
    bands, sizes, found = _pass(run, frames, on_progress)
    audit = Audit(run.id, split, frames.size, frames.meta.frames, bands, sizes, found, notes_folder(run, runs))
    _store(audit, stamp(run, frames.meta.fingerprint, _VERSION))
    return audit


def read_verdicts(audit: Audit) -> dict[str, Verdict]:
    """Return the verdicts on a split by ``Disagreement.key``.

    Raises:
        DataError: the file is damaged.
    """
    path = audit.verdict_file
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
        return {entry["region"]: cast("Verdict", entry["verdict"]) for entry in entries if entry["verdict"] in VERDICTS}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected a list of verdicts, found a damaged file ({error!r}); restore it or delete it"
        ) from None


def judge(audit: Audit, region: Disagreement, verdict: Verdict | None) -> dict[str, Verdict]:
    """Keep a verdict on a region, or take it back with None; return all verdicts.

    Raises:
        UsageError: no such verdict.
        DataError: the file is damaged or cannot be written.
    """
    if verdict is not None and verdict not in VERDICTS:
        raise UsageError(f"unknown verdict {verdict!r}: expected one of {', '.join(VERDICTS)}")
    # The app serves every visitor from a thread of its own; without the lock one verdict would undo another.
    with _JUDGING:
        verdicts = read_verdicts(audit)
        verdicts.pop(region.key, None)
        if verdict is not None:
            verdicts[region.key] = verdict
        _write_verdicts(audit, verdicts)
    return verdicts


def _write_verdicts(audit: Audit, verdicts: Mapping[str, Verdict]) -> None:
    document = {
        "about": "Verdicts on disagreements between labels and a model: frame, box (top, left, bottom, right), "
        "train id of the label > train id of the prediction, pixels.",
        "model": audit.model,
        "split": audit.split,
        "size": list(audit.size),
        "verdicts": [{"region": key, "verdict": value} for key, value in verdicts.items()],
    }
    written(audit.verdict_file, lambda: write_json(audit.verdict_file, document))


def audit_report(
    audit: Audit, verdicts: Mapping[str, Verdict], *, confidence: float = CONFIDENCE, limit: int = 50
) -> dict[str, Any]:
    """Return what ``cityseg audit --json`` prints.

    ``honest`` are the scores with all labels as they are; ``without_wrong_labels`` those without the regions judged
    "label wrong". Every region of the audit has a number, from 1 for the largest; ``confidence`` and ``limit`` decide
    which are listed.
    """
    sure = [(number, each) for number, each in enumerate(audit.found, 1) if each.region.confidence >= confidence]
    pixels = audit.size[0] * audit.size[1]
    judged = [verdicts.get(each.key) for each in audit.found]
    return {
        "model": audit.model,
        "split": audit.split,
        "size": list(audit.size),
        "confidence": confidence,
        "regions_in_all": len(sure),
        "regions": [
            {
                "number": number,
                "frame": each.name,
                "label": CLASS_NAMES[each.region.truth],
                "predicted": CLASS_NAMES[each.region.predicted],
                "box": list(each.region.box),
                "pixels": each.region.area,
                "share_of_frame": each.region.area / pixels,
                "confidence": round(each.region.confidence, 4),
                "verdict": verdicts.get(each.key),
            }
            for number, each in sure[:limit]
        ],
        "verdicts": {verdict: judged.count(verdict) for verdict in VERDICTS},
        "verdict_file": str(audit.verdict_file),
        "honest": summarize(audit.matrices),
        "without_wrong_labels": summarize(judging.without(audit.matrices, audit.found, verdicts, "label wrong")),
    }


def _file(folder: Path, split: Split) -> Path:
    return folder / f"audit-{split}.npz"


def _pass(
    run: Run, frames: CachedSplit, on_progress: OnProgress | None
) -> tuple[np.ndarray, np.ndarray, tuple[Disagreement, ...]]:
    """Return the bands, the sizes and the disagreements of a split; see ``Audit``."""
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    least = max(2, frames.size[0] * frames.size[1] // _LEAST_SHARE)
    bands: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    found: list[Disagreement] = []
    for index, (predicted, confidence) in enumerate(
        survey(network, frames, card.normalization, device, card.temperature)
    ):
        truth = np.asarray(frames.labels[index])
        bands.append(judging.band_matrices(truth, predicted))
        sizes.append(judging.size_matrices(truth, predicted))
        name = frames.meta.frames[index]
        found += [Disagreement(index, name, one) for one in regions.find(truth, predicted, confidence, least=least)]
        if on_progress:
            on_progress(index + 1, len(frames))
    return np.stack(bands), np.stack(sizes), tuple(judging.by_area(found, 0.0)[:_MOST])


def _store(audit: Audit, stamp: str) -> None:
    path = _file(audit.folder, audit.split)
    areas = [each.region for each in audit.found]
    masks = [np.packbits(region.mask) for region in areas]
    arrays: dict[str, Any] = {
        "stamp": np.array(stamp),
        "size": np.array(audit.size),
        "frames": np.array(audit.names),
        "bands": audit.bands.astype(np.uint32),
        "sizes": audit.sizes.astype(np.uint32),
        "frame": np.array([each.frame for each in audit.found], np.int32),
        "pair": np.array([(region.truth, region.predicted) for region in areas], np.uint8).reshape(-1, 2),
        "box": np.array([region.box for region in areas], np.int32).reshape(-1, 4),
        "confidence": np.array([region.confidence for region in areas], np.float64),
        "masks": np.concatenate(masks) if masks else np.zeros(0, np.uint8),
    }

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)

    written(path, lambda: write_atomically(path, write))


def _unpacked(stored: Mapping[str, np.ndarray], names: tuple[str, ...]) -> tuple[Disagreement, ...]:
    bits, at, found = stored["masks"], 0, []
    columns = zip(stored["frame"], stored["pair"], stored["box"], stored["confidence"], strict=True)
    for frame, pair, box, confidence in columns:
        top, left, bottom, right = (int(edge) for edge in box)
        size = (bottom - top) * (right - left)
        length = -(-size // 8)
        mask = np.unpackbits(bits[at : at + length], count=size).reshape(bottom - top, right - left).astype(bool)
        at += length
        region = Region(int(pair[0]), int(pair[1]), (top, left, bottom, right), mask, float(confidence))
        found.append(Disagreement(int(frame), names[frame], region))
    return tuple(found)
