"""Scoring a model on a split, at the model's size or at the labels' own."""

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
from cityseg.data.dataset import Dataset
from cityseg.data.instances import instance_file, read_instances
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.evaluate import Detail, Evaluation
from cityseg.engine.evaluate import evaluate as run_over
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.runtime.device import best_device
from cityseg.engine.scoring import stamped
from cityseg.metrics import ignite_mean_iou, macro, summarize
from cityseg.metrics.boundary import boundary_distance, boundary_iou
from cityseg.metrics.calibration import CURVE_BINS, reliability
from cityseg.metrics.instances import InstanceCounts, category_instance_iou, instance_counts, instance_iou
from cityseg.models.tta import averaged
from cityseg.progress import OnProgress
from cityseg.runs import Run


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

    The model always sees its own image size, and with ``scales`` factors of it; ``size`` says at which size truth and
    prediction are compared. Where that is the labels' own size and every frame has instance ids, the instance-level
    IoU is among the scores. What is counted beside the matrices at the model's size is kept with the result where that
    lacks it, unless the model looked in another way than plainly.

    Args:
        model: MODEL.
        spec: the dataset.
        split: val or test (or train).
        size: (height, width), the word ``native`` for the label's own size, or None for the model's size.
        flip: also look at every frame mirrored, and average the logits.
        scales: look at every frame at each of these factors of the model's size, with ``flip`` each mirrored too, and
            average the logits; see ``cityseg.models.tta.scaled_sizes``.
        runs: folder of runs.
        on_progress: called with (frames done, frames in all), first while decoding, then while predicting.

    Returns:
        ``metrics.summarize``'s figures with ``flip``, ``scales``, ``plain`` (nothing was averaged), fingerprint, size
        and label policy, ``ignite_iou``, ``boundary``, ``calibration``, ``instance_iou`` (None where it cannot be had)
        and ``speed``.

    Raises:
        UsageError, DataError, CheckpointError: a wrong MODEL, dataset or checkpoint, or scales that the model cannot
            look at.
    """
    run = find_result_folder(model, runs)
    device = best_device()
    network, card = checkpoint.load(run.checkpoint, device)
    looking = averaged(network, card.image_size, scales, flip=flip)
    dataset = connect(spec, on_progress)
    photos = cache.prepare(dataset, split, card.image_size, on_progress=on_progress)
    scored_size = photos.meta.native_size if size == "native" else size or card.image_size
    assert not isinstance(scored_size, str)
    truth = (
        photos
        if scored_size == card.image_size
        else cache.prepare(dataset, split, scored_size, on_progress=on_progress)
    )
    instances = _Instances.of(dataset, split, truth)
    result = run_over(
        looking,
        DeviceSplit(photos, device),
        card.normalization,
        truth=None if truth is photos else torch.from_numpy(np.array(truth.labels)).to(device),
        detailed=True,
        temperature=card.temperature,
        on_predicted=instances.add if instances else None,
        on_progress=on_progress,
    )
    assert result.detail is not None
    if truth is photos and looking is network:
        _keep(run, split, truth, result)
    return {
        "model": model,
        "split": split,
        "flip": flip,
        "scales": [float(scale) for scale in scales],
        "plain": looking is network,
        "data": dataset.name,
        **stamped(summarize(result.confusions), truth),
        "ignite_iou": _plain(ignite_mean_iou(result.confusions.sum(0))),
        "boundary": _boundary(result.detail, truth.size),
        "calibration": _calibration(result.detail),
        "instance_iou": instances.scores(result) if instances else None,
        "speed": {
            **measure_speed(looking, card.image_size, card.normalization, device),
            "size": list(card.image_size),
        },
    }


def _keep(run: Run, split: Split, truth: CachedSplit, result: Evaluation) -> None:
    """Store what was counted with the result it belongs to, where that has it not yet: same frames, same matrices."""
    if not run.has_confusions(split) or run.detail(split):
        return
    stored = run.confusions(split)
    if stored.frames == truth.meta.frames and np.array_equal(stored.matrices, result.confusions):
        assert result.detail is not None
        with contextlib.suppress(OSError):  # shipped models may lie where nobody may write
            run.write_detail(split, stored.frames, **vars(result.detail))


class _Instances:
    """Weighs the instances of every predicted frame; the frames' files are read one at a time."""

    def __init__(self, files: list[Any], size: tuple[int, int]) -> None:
        self._files, self._size = files, size
        self._counts = InstanceCounts.none()

    @classmethod
    def of(cls, dataset: Dataset, split: Split, truth: CachedSplit) -> _Instances | None:
        """Return it where the truth has the labels' own size and every frame has instance ids."""
        if truth.size != truth.meta.native_size:
            return None
        by_name = {frame.name: frame for frame in dataset.splits[split]}
        files = [instance_file(by_name[name]) for name in truth.meta.frames]
        return None if None in files else cls(files, truth.size)

    def add(self, index: int, train_ids: np.ndarray) -> None:
        self._counts += instance_counts(read_instances(self._files[index], self._size), train_ids)

    def scores(self, result: Evaluation) -> dict[str, Any]:
        confusion = result.confusions.sum(0)
        classes = instance_iou(confusion, self._counts)
        categories = category_instance_iou(confusion, self._counts)
        return {
            "macro": _plain(macro(classes)),
            "per_class": _named(CLASS_NAMES, classes),
            "category": _plain(macro(categories)),
            "per_category": _named(CATEGORIES, categories),
        }


def _boundary(detail: Detail, size: tuple[int, int]) -> dict[str, Any]:
    scores = boundary_iou(detail.boundary.sum(0))
    return {
        "distance": boundary_distance(size),
        "macro": _plain(macro(scores)),
        "per_class": _named(CLASS_NAMES, scores),
    }


def _calibration(detail: Detail) -> dict[str, Any]:
    whole = reliability(detail.calibration)
    return {
        "error": _plain(whole.error),
        "per_class": {
            name: _plain(reliability(counts).error)
            for name, counts in zip(CLASS_NAMES, detail.calibration, strict=True)
        },
        "reliability": [
            {
                "from": place / CURVE_BINS,
                "share": _plain(whole.share[place]),
                "confidence": _plain(whole.confidence[place]),
                "accuracy": _plain(whole.accuracy[place]),
            }
            for place in range(CURVE_BINS)
        ],
    }


def _named(names: tuple[str, ...], values: np.ndarray) -> dict[str, float | None]:
    return {name: _plain(value) for name, value in zip(names, values, strict=True)}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 12)
