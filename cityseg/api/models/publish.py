"""Publishing a run as a shipped model: a self-contained folder with bfloat16 weights, scores and a model card."""

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
from cityseg.api.data.prepare import prepare_scored
from cityseg.api.models.model_card import model_card
from cityseg.api.results.folders import shipped_root
from cityseg.api.results.listing import Result, find_result
from cityseg.api.results.robustness import find_robustness, measure_robustness
from cityseg.checkpoint import ModelCard
from cityseg.config import MODEL_REFERENCES
from cityseg.data.dataset import Split
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.runtime.device import best_device
from cityseg.engine.scoring import score_into
from cityseg.errors import DataError, UsageError
from cityseg.files import write_json, writing
from cityseg.inference.onnx import through_onnx
from cityseg.progress import OnProgress
from cityseg.runs import Run
from cityseg.text import folder_name

_PRIVATE_KEYS = ("host", "data")


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
    """Copy a run's best weights, rounded to bfloat16, with scores measured from the rounded weights.

    Host names and data paths are left out. A shipped model published under its own name is measured again. The folder
    is replaced once everything is measured, so that a failure leaves an existing folder unchanged.

    Args:
        run_id: a finished run, or a shipped model.
        spec: dataset to measure on.
        name: folder in ``checkpoints/``; the run's id by default.
        trained_on: name of the training data; by default that of the model card.
        terms: sentence on the licence of that data; by default that of the model card.

    Raises:
        UsageError: the run has not finished.
        DataError: the dataset has neither val nor test frames, or the folder cannot be written.
    """
    result = find_result(run_id, runs)
    if result.state != "finished":
        raise UsageError(f"{run_id}: expected a finished run, found it {result.state}")
    network, card = checkpoint.load(result.run.checkpoint)
    splits = prepare_scored(spec, card.image_size, on_progress)
    info = data_info(spec)
    if not splits:
        raise DataError(f"{info.name}: expected val or test frames to measure on, found train frames alone; add some")
    trained_on, terms = trained_on or card.trained_on, terms or card.terms
    same_data = any(_was_scored_on(card, split, cached) for split, cached in splits.items())
    config = card.training.get("recipe") or result.config.model_dump(mode="json")
    card = replace(
        card,
        trained_on=trained_on,
        measured_on="" if same_data or info.description == trained_on else info.description,
        terms=terms,
        training={**card.training, "recipe": _without_folders(config)},
        scores={},
    )
    # A published model given by its folder is measured again in place.
    in_place = result.source == "shipped" and not name
    target = (root or (result.run.folder.parent if in_place else shipped_root())) / (folder_name(name) or result.id)
    with (
        writing(target, "free it or choose another name"),
        tempfile.TemporaryDirectory(prefix=".publishing-", dir=target.parent) as temporary,
    ):
        new = Run(Path(temporary) / target.name)
        checkpoint.save(new.folder, network, card, torch.bfloat16)
        card = _measure(new, splits, on_progress)
        checkpoint.write_card(new.folder, card)
        for file in ("history.jsonl", "robustness-val.json"):
            # Robustness takes longest, and is measured again only if weights, data or code have changed.
            if (result.run.folder / file).is_file():
                shutil.copyfile(result.run.folder / file, new.folder / file)
        robustness = None
        if "val" in splits:
            model = str(new.folder)
            robustness = find_robustness(model, "val", splits["val"].meta.fingerprint) or measure_robustness(
                model, spec, keep_in=new.folder, on_progress=on_progress
            )
        description = {key: value for key, value in result.run.describe().items() if key not in _PRIVATE_KEYS}
        description["config"] = _without_folders(description["config"])
        write_json(new.folder / "config.json", description)
        (new.folder / "README.md").write_text(model_card(new, result, card, robustness), encoding="utf-8")
        if target.exists():
            target.rename(Path(temporary) / "before")
        new.folder.rename(target)
    return find_result(str(target))


def _was_scored_on(card: ModelCard, split: Split, cached: CachedSplit) -> bool:
    """Return whether the card has scores on these frames and labels, from the dataset of the training."""
    known = card.scores.get(split, {}).get("fingerprint")
    return not card.measured_on and bool(known == cached.meta.fingerprint)


def _measure(new: Run, splits: Mapping[Split, CachedSplit], on_progress: OnProgress | None) -> ModelCard:
    """Score the stored weights, write their counts, and return their card with scores and speeds."""
    device = best_device()
    network, card = checkpoint.load(new.folder, device)
    card = score_into(new, network, card, splits, device, on_progress)
    speed = measure_speed(network, card.image_size, card.normalization, device)
    exported = through_onnx(*checkpoint.load(new.folder)).model
    onnx_speed = measure_speed(exported, card.image_size, card.normalization, torch.device("cpu"))["frames_per_second"]
    return replace(card, speed={**speed, "onnx_frames_per_second": float(onnx_speed)})


def _without_folders(config: dict[str, Any]) -> dict[str, Any]:
    return {key: Path(value).name if key in MODEL_REFERENCES else value for key, value in config.items()}
