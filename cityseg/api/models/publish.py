"""Turning a run into a shipped model: a folder that explains itself and fits into a repository."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from cityseg import checkpoint
from cityseg.api.data.connect import data_info
from cityseg.api.data.prepare import prepare
from cityseg.api.models.model_card import model_card
from cityseg.api.results.listing import Result, find_result, shipped_root
from cityseg.api.results.robustness import find_robustness, measure_robustness
from cityseg.checkpoint import ModelCard
from cityseg.config import MODEL_REFERENCES
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.runtime.device import best_device
from cityseg.engine.scoring import SCORED, score_into
from cityseg.errors import DataError, UsageError
from cityseg.files import write_json
from cityseg.inference.onnx import through_onnx
from cityseg.progress import OnProgress
from cityseg.runs import Run

_PRIVATE = ("host", "data")


def publish(
    run_id: str,
    spec: str | None,
    *,
    name: str = "",
    trained_on: str = "",
    terms: str = "",
    runs: Path | None = None,
    root: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Copy a run's best weights, rounded to bfloat16, with scores measured anew from the rounded weights.

    Host names and data paths of the run stay behind. A shipped model published under its own name is measured anew.
    The folder takes its place once all is measured: whatever fails before that leaves what was there as it was.

    Args:
        run_id: a run that has finished, or a shipped model.
        spec: the dataset to measure on.
        name: folder in ``checkpoints/``; the run's id by default.
        trained_on: words that name the data it was trained on; by default what its description says.
        terms: sentence on the licence of that data; by default what its description says.
        runs: folder of runs.
        root: folder of shipped models.
        on_progress: called with (frames done, frames in all) while preparing and measuring.

    Raises:
        UsageError: the run has not finished, or no such dataset.
        DataError: the dataset cannot be connected, or has neither val nor test frames.
        CheckpointError: the run's weights cannot be read.
    """
    result = find_result(run_id, runs)
    if result.state != "finished":
        raise UsageError(f"{run_id}: expected a finished run, found it {result.state}")
    network, card = checkpoint.load(result.run.checkpoint)
    splits = {split: cached for split, cached in prepare(spec, card.image_size, on_progress).items() if split in SCORED}
    info = data_info(spec)
    if not splits:
        raise DataError(f"{info.name}: expected val or test frames to measure on, found train frames alone; add some")
    trained_on, terms = trained_on or card.trained_on, terms or card.terms
    elsewhere = not any(_has_scored(card, split, cached) for split, cached in splits.items())
    recipe = card.training.get("recipe") or result.config.model_dump(mode="json")
    card = replace(
        card,
        trained_on=trained_on,
        measured_on=info.description if elsewhere and info.description != trained_on else "",
        terms=terms,
        training={**card.training, "recipe": _without_folders(recipe)},
        scores={},
    )
    target = (root or shipped_root()) / (name or run_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".publishing-", dir=target.parent) as place:
        made = Run(Path(place) / target.name)
        checkpoint.save(made.folder, network, card, torch.bfloat16)
        card = _measure(made, splits, on_progress)
        checkpoint.write_card(made.folder, card)
        for file in ("history.jsonl", "robustness-val.json"):
            # How it bears other cameras takes longest, and is measured again only if weights, data or code are others.
            if (result.run.folder / file).is_file():
                shutil.copyfile(result.run.folder / file, made.folder / file)
        robustness = None
        if "val" in splits:
            itself = str(made.folder)
            robustness = find_robustness(itself, "val", splits["val"].meta.fingerprint) or measure_robustness(
                itself, spec, keep_in=made.folder, on_progress=on_progress
            )
        description = {key: value for key, value in result.run.describe().items() if key not in _PRIVATE}
        description["config"] = _without_folders(description["config"])
        write_json(made.folder / "config.json", description)
        (made.folder / "README.md").write_text(model_card(made, result, card, robustness), encoding="utf-8")
        if target.exists():
            target.rename(Path(place) / "before")
        made.folder.rename(target)
    return find_result(str(target))


def _has_scored(card: ModelCard, split: Split, cached: CachedSplit) -> bool:
    """Whether the scores that a model has on the data of its training are of the same frames and labels."""
    known = card.scores.get(split, {}).get("fingerprint")
    return not card.measured_on and bool(known == cached.meta.fingerprint)


def _measure(made: Run, splits: Mapping[Split, CachedSplit], on_progress: OnProgress | None) -> ModelCard:
    """Score the stored weights, keep what was counted beside them, and return their card with all figures."""
    device = best_device()
    network, card = checkpoint.load(made.folder, device)
    card = score_into(made, network, card, splits, device, on_progress)
    speed = measure_speed(network, card.image_size, card.normalization, device)
    speed["onnx_frames_per_second"] = _onnx_speed(made.folder)
    return replace(card, speed=speed)


def _without_folders(recipe: dict[str, Any]) -> dict[str, Any]:
    return {key: Path(value).name if key in MODEL_REFERENCES else value for key, value in recipe.items()}


def _onnx_speed(folder: Path) -> float:
    """Return frames per second of a checkpoint on the processor, by ONNX Runtime."""
    network, card = checkpoint.load(folder)
    exported = through_onnx(network, card).model
    speed = measure_speed(exported, card.image_size, card.normalization, torch.device("cpu"))
    return float(speed["frames_per_second"])
