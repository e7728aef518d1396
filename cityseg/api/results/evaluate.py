"""Evaluation of a model on a split, at the labels' own size or at a fixed one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cityseg import checkpoint
from cityseg.api.data.connect import connect
from cityseg.api.data.labels import void_error
from cityseg.api.results.folders import find_result_folder
from cityseg.classes import CATEGORIES, CLASS_NAMES
from cityseg.config.presets import BUDGETS
from cityseg.data.batches import DeviceSplit
from cityseg.data.dataset import Dataset, Split
from cityseg.data.instances import instance_file, read_instances
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine import evaluate as engine
from cityseg.engine.evaluate import Evaluation, Labels
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.runtime.device import best_device
from cityseg.engine.scoring import with_provenance, write_counts
from cityseg.memory import enough_memory
from cityseg.metrics import ignite_mean_iou, json_number, macro, summarize
from cityseg.metrics.boundary import boundary_distance, boundary_iou
from cityseg.metrics.calibration import CURVE_BINS, reliability
from cityseg.metrics.instances import InstanceCounts, category_instance_iou, instance_counts, instance_iou
from cityseg.models.tta import augmented
from cityseg.progress import OnProgress
from cityseg.runs import Detail, Run


@enough_memory("to evaluate this model on these frames", "lower --scales or --size, or choose a smaller model")
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
    which prediction and ground truth are compared: None for the own size of each frame's label, ``network`` for the
    model's, or (height, width). Instance-level IoU is included if that is the labels' own size and every frame has
    instance ids. Measured at the labels' own size without test-time augmentation, the counts replace those that the
    result stores for these frames at another size, and the detail that it lacks.

    Returns:
        The figures of ``metrics.summarize`` with ``flip``, ``scales``, ``plain`` (no test-time augmentation),
        fingerprint, size and label policy, ``ignite_iou``, ``boundary`` (its ``distance`` in pixels is a list if labels
        of several sizes have several), ``calibration``, ``instance_iou`` (None if unavailable) and ``speed``.

    Raises:
        UsageError: for an unknown model, or a dataset without this split.
        DataError: for unusable frames, or if no pixel of the split is labelled.
    """
    run = find_result_folder(model, runs)
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    predictor = augmented(network, card.image_size, scales, flip=flip)
    dataset = connect(spec, on_progress)
    photos = cache.prepare(dataset, split, card.image_size, on_progress=on_progress)
    fixed_size = card.image_size if size == "network" else size
    assert not isinstance(fixed_size, str)
    truth: Labels | None = photos.truth
    if fixed_size:
        truth = photos.labels
        if fixed_size != card.image_size:
            truth = cache.prepare(dataset, split, fixed_size, on_progress=on_progress).labels
    instances = None if fixed_size else _InstanceScorer.create(dataset, split, photos)
    result = engine.evaluate(
        predictor,
        DeviceSplit(photos, device),
        card.normalization,
        truth=truth,
        detailed=True,
        temperature=card.temperature,
        on_predicted=instances.add if instances else None,
        on_progress=on_progress,
    )
    assert result.detail is not None
    if not result.confusions.any():
        raise void_error(dataset.name, split, len(photos))
    summary = with_provenance(summarize(result.confusions), photos, fixed_size)
    if not fixed_size and predictor is network:
        _store(run, split, photos, result, summary)
    own_sizes = photos.truth.sizes if photos.truth is not None and not fixed_size else ()
    sizes = own_sizes or (fixed_size or photos.meta.native_size,)
    distances = sorted({boundary_distance(each) for each in sizes})
    return {
        "model": model,
        "split": split,
        "flip": flip,
        "scales": [float(scale) for scale in scales],
        "plain": predictor is network,
        "data": dataset.name,
        **summary,
        "ignite_iou": json_number(ignite_mean_iou(result.confusions.sum(0))),
        "boundary": {
            "distance": distances[0] if len(distances) == 1 else distances,
            **_with_mean(CLASS_NAMES, boundary_iou(result.detail.boundary.sum(0))),
        },
        "calibration": _calibration(result.detail),
        "instance_iou": instances.scores(result.confusions.sum(0)) if instances else None,
        "speed": {
            **measure_speed(predictor, card.image_size, card.normalization, device),
            "size": list(card.image_size),
        },
    }


def _store(run: Run, split: Split, frames: CachedSplit, result: Evaluation, summary: dict[str, Any]) -> None:
    """Store counts at the labels' own size with a result that has scores of these very frames at another size.

    A result that was scored at the labels' own size gets the detailed counts if it lacks them.
    """
    card = checkpoint.read_card(run.checkpoint)
    stored = card.scores.get(split, {})
    if stored.get("fingerprint") != summary["fingerprint"]:
        return
    with contextlib.suppress(OSError):  # the folder of a shipped model may be read-only
        if stored.get("size"):
            write_counts(run, split, frames, result)
            kept: dict[str, Any] = {split: stored} if card.training.get("recipe", {}).get("preset") in BUDGETS else {}
            scores: dict[str, Any] = {**card.scores, split: summary}
            checkpoint.write_card(
                run.checkpoint, replace(card, scores=scores, network_scores={**kept, **card.network_scores})
            )
        elif run.detail(split) is None and np.array_equal(run.confusions(split).matrices, result.confusions):
            assert result.detail is not None
            run.write_detail(split, frames.meta.frames, **vars(result.detail))


class _InstanceScorer:
    """Accumulates the instance-level counts of predicted frames; instance files are read one at a time."""

    def __init__(self, files: list[Any], sizes: Sequence[tuple[int, int]]) -> None:
        self._files, self._sizes = files, sizes
        self._counts = InstanceCounts.none()

    @classmethod
    def create(cls, dataset: Dataset, split: Split, frames: CachedSplit) -> _InstanceScorer | None:
        """Return a scorer if every frame has instance ids, else None."""
        by_name = {frame.name: frame for frame in dataset.splits[split]}
        files = [instance_file(by_name[name]) for name in frames.meta.frames]
        return None if None in files or frames.truth is None else cls(files, frames.truth.sizes)

    def add(self, index: int, train_ids: np.ndarray) -> None:
        self._counts += instance_counts(read_instances(self._files[index], self._sizes[index]), train_ids)

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
