"""Label audit of a result: regions of a split where model and label disagree, with the user's verdicts.

The regions are stored in ``audit-<split>.npz`` and the verdicts in ``verdicts-<split>.json`` of the result's sidecar
folder.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from cityseg import checkpoint
from cityseg.analysis.errors import label_audit as analysis
from cityseg.analysis.errors import regions
from cityseg.analysis.errors.label_audit import VERDICTS, Disagreement, Verdict
from cityseg.analysis.errors.regions import Region
from cityseg.api.data.connect import connect
from cityseg.api.results.folders import find_result_folder, sidecar_folder
from cityseg.api.results.sidecar import REMEDY, read_finding, write_finding
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.data.dataset import Split
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.evaluate import predict_frames
from cityseg.engine.runtime.device import best_device
from cityseg.errors import DataError, UsageError
from cityseg.files import read_json, write_json, writing
from cityseg.metrics import summarize
from cityseg.progress import OnProgress, reported
from cityseg.runs import Run

AUDIT_CONFIDENCE = 0.8
"""Default minimum mean probability of a disagreement to be listed."""
_VERSION = 3
_VERDICTS_LOCK = threading.Lock()
_MIN_AREA_DIVISOR = 4096
"""Regions smaller than this part of a frame are dropped: they are borders, not objects."""
_MAX_REGIONS = 5000
"""Largest regions of a split that are stored."""


@dataclass(frozen=True)
class LabelAudit:
    """Disagreements between a model and the labels of a split, and counts by image rows and object size."""

    model: str  # id of the result
    split: Split
    names: tuple[str, ...]  # (N) frames
    bands: np.ndarray
    """(N, 4, 19, 19) int64 counts per frame and band of rows, see ``analysis.errors.label_audit.BANDS``."""
    shapes: np.ndarray  # (N, 2) int64 height and width of each label, at which label and prediction were compared
    sizes: np.ndarray
    """(N, 3, 19, 19) int64 counts per frame and object size, see ``analysis.errors.label_audit.SIZES``."""
    found: tuple[Disagreement, ...]  # the largest disagreements of any confidence, largest first
    folder: Path  # folder of the stored audit and its verdicts

    @property
    def matrices(self) -> np.ndarray:
        """(N, 19, 19) int64 counts per frame, rows = ground truth: those of an evaluation."""
        counts: np.ndarray = self.bands.sum(1)
        return counts

    @property
    def verdict_file(self) -> Path:
        """File of the verdicts."""
        return self.folder / f"verdicts-{self.split}.json"


def audit_file(run: Run, split: Split, runs: Path | None = None) -> Path:
    """Return the file of a result's audit, which need not exist."""
    return sidecar_folder(run, runs) / f"audit-{split}.npz"


def find_audit(model: str, split: Split, fingerprint: str, runs: Path | None = None) -> LabelAudit | None:
    """Return the stored audit of a result's present weights on the data of this fingerprint, or None."""
    run = find_result_folder(model, runs)
    path = audit_file(run, split, runs)

    def parse(stored: Mapping[str, Any]) -> LabelAudit:
        names = tuple(stored["frames"].tolist())
        if any(stored[key].dtype.kind not in "iu" for key in ("bands", "sizes", "shapes")):
            raise ValueError("expected whole numbers")
        bands, sizes = stored["bands"].astype(np.int64), stored["sizes"].astype(np.int64)
        shapes = stored["shapes"].astype(np.int64)
        expected = ((len(names), 4, 19, 19), (len(names), 3, 19, 19), (len(names), 2))
        if (bands.shape, sizes.shape, shapes.shape) != expected or min(bands.min(), sizes.min(), shapes.min()) < 0:
            raise ValueError("expected the counts of each frame")
        return LabelAudit(run.id, split, names, bands, shapes, sizes, _unpack(stored, names, shapes), path.parent)

    return read_finding(path, run, fingerprint, _VERSION, parse)


def audit_labels(
    model: str, spec: str | None, split: Split, *, runs: Path | None = None, on_progress: OnProgress | None = None
) -> LabelAudit:
    """Predict a split and store where the model disagrees with its labels; a stored audit is returned at once.

    Memory holds one batch of frames and the regions. A cancelled audit stores nothing.
    """
    run = find_result_folder(model, runs)
    dataset = connect(spec, on_progress)
    frames = cache.prepare(dataset, split, checkpoint.read_card(run.checkpoint).image_size, on_progress=on_progress)
    fingerprint = frames.meta.fingerprint
    if known := find_audit(model, split, fingerprint, runs):
        return known
    path = audit_file(run, split, runs)
    bands, shapes, sizes, found = _compare(run, frames, on_progress)
    finding = {
        "shapes": shapes.astype(np.uint32),
        "frames": np.array(frames.meta.frames),
        "bands": bands.astype(np.uint32),
        "sizes": sizes.astype(np.uint32),
        **_pack(found),
    }
    write_finding(path, run, fingerprint, _VERSION, finding)
    return LabelAudit(run.id, split, frames.meta.frames, bands, shapes, sizes, found, path.parent)


def read_verdicts(audit: LabelAudit) -> dict[str, Verdict]:
    """Return the verdicts on a split by ``Disagreement.key``; DataError for a damaged file."""
    path = audit.verdict_file
    try:
        entries = read_json(path)["verdicts"]
        return {entry["region"]: cast("Verdict", entry["verdict"]) for entry in entries if entry["verdict"] in VERDICTS}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected a list of verdicts, found a damaged file ({error!r}); restore it or delete it"
        ) from None


def set_verdict(audit: LabelAudit, region: Disagreement, verdict: Verdict | None) -> dict[str, Verdict]:
    """Store a verdict on a region, or remove it with None; return all verdicts. UsageError for an unknown verdict."""
    if verdict is not None and verdict not in VERDICTS:
        raise UsageError(f"unknown verdict {verdict!r}: expected one of {', '.join(VERDICTS)}")
    # The app serves every visitor from a thread of its own; without the lock one verdict could undo another.
    with _VERDICTS_LOCK:
        verdicts = read_verdicts(audit)
        verdicts.pop(region.key, None)
        if verdict is not None:
            verdicts[region.key] = verdict
        document = {
            "about": "Verdicts on disagreements between labels and a model: frame, box (top, left, bottom, right), "
            "train id of the label > train id of the prediction, pixels.",
            "model": audit.model,
            "split": audit.split,
            "verdicts": [{"region": key, "verdict": value} for key, value in verdicts.items()],
        }
        with writing(audit.verdict_file, REMEDY):
            write_json(audit.verdict_file, document)
    return verdicts


def audit_report(
    audit: LabelAudit, verdicts: Mapping[str, Verdict], *, confidence: float = AUDIT_CONFIDENCE, limit: int = 50
) -> dict[str, Any]:
    """Return the document that ``cityseg audit --json`` prints.

    ``honest`` holds the scores with all labels as they are, ``without_wrong_labels`` those without the regions judged
    "label wrong". Every region of the audit has a number, from 1 for the largest; ``confidence`` and ``limit`` decide
    which are listed.
    """
    sure = [(number, each) for number, each in enumerate(audit.found, 1) if each.region.confidence >= confidence]
    pixels = audit.shapes.prod(1)
    judged = [verdicts.get(each.key) for each in audit.found]
    return {
        "model": audit.model,
        "split": audit.split,
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
                "share_of_frame": each.region.area / int(pixels[each.frame]),
                "confidence": round(each.region.confidence, 4),
                "verdict": verdicts.get(each.key),
            }
            for number, each in sure[:limit]
        ],
        "verdicts": {verdict: judged.count(verdict) for verdict in VERDICTS},
        "verdict_file": str(audit.verdict_file),
        "honest": summarize(audit.matrices),
        "without_wrong_labels": summarize(analysis.exclude(audit.matrices, audit.found, verdicts, "label wrong")),
    }


def _compare(
    run: Run, frames: CachedSplit, on_progress: OnProgress | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Disagreement, ...]]:
    """Return ``bands``, ``shapes``, ``sizes`` and ``found`` of a ``LabelAudit``."""
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    bands: list[np.ndarray] = []
    shapes: list[tuple[int, ...]] = []
    sizes: list[np.ndarray] = []
    found: list[Disagreement] = []
    predictions = predict_frames(network, frames, card.normalization, device, card.temperature)
    steps = reported(range(len(frames)), on_progress)
    for index, (truth, predicted, confidence) in zip(steps, predictions, strict=True):
        bands.append(analysis.band_matrices(truth, predicted))
        shapes.append(truth.shape)
        sizes.append(analysis.size_matrices(truth, predicted))
        name, least = frames.meta.frames[index], max(2, truth.size // _MIN_AREA_DIVISOR)
        found += [Disagreement(index, name, one) for one in regions.find(truth, predicted, confidence, least=least)]
    largest = tuple(analysis.largest_first(found)[:_MAX_REGIONS])
    return np.stack(bands), np.array(shapes), np.stack(sizes), largest


def _pack(found: tuple[Disagreement, ...]) -> dict[str, np.ndarray]:
    areas = [each.region for each in found]
    masks = [np.packbits(region.mask) for region in areas]
    return {
        "frame": np.array([each.frame for each in found], np.int32),
        "pair": np.array([(region.truth, region.predicted) for region in areas], np.uint8).reshape(-1, 2),
        "box": np.array([region.box for region in areas], np.int32).reshape(-1, 4),
        "confidence": np.array([region.confidence for region in areas], np.float64),
        "masks": np.concatenate(masks) if masks else np.zeros(0, np.uint8),
    }


def _unpack(stored: Mapping[str, np.ndarray], names: tuple[str, ...], shapes: np.ndarray) -> tuple[Disagreement, ...]:
    kinds = {"frame": "iu", "pair": "u", "box": "iu", "confidence": "f", "masks": "u"}
    if any(stored[key].dtype.kind not in kind for key, kind in kinds.items()):
        raise ValueError("expected numbers of other types")
    bits, at, found = stored["masks"], 0, []
    columns = (stored[key] for key in ("frame", "pair", "box", "confidence"))
    for frame, pair, box, confidence in zip(*columns, strict=True):
        top, left, bottom, right = box.tolist()
        size = (bottom - top) * (right - left)
        length = -(-size // 8)
        is_box = 0 <= top < bottom and 0 <= left < right and at + length <= len(bits)
        is_box = is_box and 0 <= frame < len(names) and bottom <= shapes[frame, 0] and right <= shapes[frame, 1]
        if not (is_box and max(pair) < NUM_CLASSES and 0 <= confidence < 1 + 1e-6):
            raise ValueError("expected a region of a frame")
        mask = np.unpackbits(bits[at : at + length], count=size).reshape(bottom - top, right - left).astype(bool)
        at += length
        region = Region(int(pair[0]), int(pair[1]), (top, left, bottom, right), mask, float(confidence))
        found.append(Disagreement(int(frame), names[frame], region))
    return tuple(found)
