"""Evaluation of a model on a split, at the model's size or at that of the labels."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cityseg import checkpoint
from cityseg.api.data.connect import connect
from cityseg.api.results.listing import find_result_folder
from cityseg.classes import CATEGORIES, CLASS_NAMES
from cityseg.data.batches import DeviceSplit
from cityseg.data.dataset import Dataset, Split
from cityseg.data.instances import instance_file, read_instances
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine import evaluate as engine
from cityseg.engine.evaluate import Evaluation
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.runtime.device import best_device
from cityseg.engine.scoring import with_provenance
from cityseg.metrics import ignite_mean_iou, json_number, macro, summarize
from cityseg.metrics.boundary import boundary_distance, boundary_iou
from cityseg.metrics.calibration import CURVE_BINS, reliability
from cityseg.metrics.instances import InstanceCounts, category_instance_iou, instance_counts, instance_iou
from cityseg.models.tta import augmented
from cityseg.progress import OnProgress
from cityseg.runs import Detail, Run


def evaluate(
    model: str,
    spec: str | None,
    split: Split,
    *,
    size: tuple[int, int] | str | None = None,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Score a model on a split in float32.

    The network input always has the model's image size, or multiples of it with ``scales``; ``size`` is the size at
    which prediction and ground truth are compared: (height, width), ``native`` for the labels' own size, or None for
    the model's. Instance-level IoU is included if that is the labels' own size and
    every frame has instance ids. Without test-time augmentation, counts at the model's size that the result lacks are
    stored with it.

    Returns:
        The figures of ``metrics.summarize`` with ``flip``, ``scales``, ``plain`` (no test-time augmentation),
        fingerprint, size and label policy, ``ignite_iou``, ``boundary``, ``calibration``, ``instance_iou`` (None if
        unavailable) and ``speed``.
    """
    run = find_result_folder(model, runs)
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    predictor = augmented(network, card.image_size, scales, flip=flip)
    dataset = connect(spec, on_progress)
    photos = cache.prepare(dataset, split, card.image_size, on_progress=on_progress)
    scored_size = photos.meta.native_size if size == "native" else size or card.image_size
    assert not isinstance(scored_size, str)
    truth = photos
    if scored_size != card.image_size:
        truth = cache.prepare(dataset, split, scored_size, on_progress=on_progress)
    instances = _InstanceScorer.create(dataset, split, truth)
    result = engine.evaluate(
        predictor,
        DeviceSplit(photos, device),
        card.normalization,
        truth=None if truth is photos else torch.from_numpy(np.array(truth.labels)).to(device),
        detailed=True,
        temperature=card.temperature,
        on_predicted=instances.add if instances else None,
        on_progress=on_progress,
    )
    assert result.detail is not None
    if truth is photos and predictor is network:
        _store_detail(run, split, truth, result)
    return {
        "model": model,
        "split": split,
        "flip": flip,
        "scales": [float(scale) for scale in scales],
        "plain": predictor is network,
        "data": dataset.name,
        **with_provenance(summarize(result.confusions), truth),
        "ignite_iou": json_number(ignite_mean_iou(result.confusions.sum(0))),
        "boundary": {
            "distance": boundary_distance(truth.size),
            **_with_mean(CLASS_NAMES, boundary_iou(result.detail.boundary.sum(0))),
        },
        "calibration": _calibration(result.detail),
        "instance_iou": instances.scores(result.confusions.sum(0)) if instances else None,
        "speed": {
            **measure_speed(predictor, card.image_size, card.normalization, device),
            "size": list(card.image_size),
        },
    }


def _store_detail(run: Run, split: Split, truth: CachedSplit, result: Evaluation) -> None:
    """Store the detailed counts with a result that lacks them, if its frames and matrices are the same."""
    if not run.has_confusions(split) or run.detail(split):
        return
    stored = run.confusions(split)
    if stored.frames == truth.meta.frames and np.array_equal(stored.matrices, result.confusions):
        assert result.detail is not None
        with contextlib.suppress(OSError):  # the folder of a shipped model may be read-only
            run.write_detail(split, stored.frames, **vars(result.detail))


class _InstanceScorer:
    """Accumulates the instance-level counts of predicted frames; instance files are read one at a time."""

    def __init__(self, files: list[Any], size: tuple[int, int]) -> None:
        self._files, self._size = files, size
        self._counts = InstanceCounts.none()

    @classmethod
    def create(cls, dataset: Dataset, split: Split, truth: CachedSplit) -> _InstanceScorer | None:
        """Return a scorer if ground truth has the labels' own size and every frame has instance ids, else None."""
        if truth.size != truth.meta.native_size:
            return None
        by_name = {frame.name: frame for frame in dataset.splits[split]}
        files = [instance_file(by_name[name]) for name in truth.meta.frames]
        return None if None in files else cls(files, truth.size)

    def add(self, index: int, train_ids: np.ndarray) -> None:
        self._counts += instance_counts(read_instances(self._files[index], self._size), train_ids)

    def scores(self, confusion: np.ndarray) -> dict[str, Any]:
        categories = category_instance_iou(confusion, self._counts)
        return {
            **_with_mean(CLASS_NAMES, instance_iou(confusion, self._counts)),
            "category": json_number(macro(categories)),
            "per_category": _by_name(CATEGORIES, categories),
        }


def _calibration(detail: Detail) -> dict[str, Any]:
    overall = reliability(detail.calibration)
    return {
        "error": json_number(overall.error),
        "per_class": _by_name(CLASS_NAMES, [reliability(counts).error for counts in detail.calibration]),
        "reliability": [
            {
                "from": index / CURVE_BINS,
                "share": json_number(overall.share[index]),
                "confidence": json_number(overall.confidence[index]),
                "accuracy": json_number(overall.accuracy[index]),
            }
            for index in range(CURVE_BINS)
        ],
    }


def _with_mean(names: tuple[str, ...], values: np.ndarray) -> dict[str, Any]:
    return {"macro": json_number(macro(values)), "per_class": _by_name(names, values)}


def _by_name(names: tuple[str, ...], values: Sequence[float] | np.ndarray) -> dict[str, float | None]:
    return {name: json_number(value) for name, value in zip(names, values, strict=True)}
