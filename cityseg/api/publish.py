"""Turning a run into a shipped model: a folder that explains itself and fits into a repository."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cityseg import checkpoint
from cityseg.analysis import bootstrap
from cityseg.analysis.bootstrap import Score
from cityseg.api.data import data_info, prepare
from cityseg.api.results import Result, find_result, shipped_root
from cityseg.api.robustness import Robustness, measure_robustness
from cityseg.checkpoint import ModelCard
from cityseg.config import ExperimentConfig
from cityseg.data.batches import DeviceSplit
from cityseg.data.cache import Progress
from cityseg.engine.device import best_device
from cityseg.engine.evaluate import evaluate
from cityseg.engine.speed import measure_speed
from cityseg.engine.temperature import fit_temperature
from cityseg.engine.train import SCORED, stamped
from cityseg.errors import UsageError
from cityseg.export import load_onnx, write_onnx
from cityseg.files import write_json
from cityseg.labels import CLASS_NAMES
from cityseg.metrics.calibration import reliability
from cityseg.runs import Run

_PRIVATE = ("host", "data")
_NAMED = ("initial", "teacher")
"""Settings that name a model, maybe by its folder."""


def publish(
    run_id: str,
    spec: str | None,
    *,
    name: str = "",
    trained_on: str = "",
    terms: str = "",
    runs: Path | None = None,
    root: Path | None = None,
    on_progress: Progress | None = None,
) -> Result:
    """Copy a run's best weights, rounded to bfloat16, with scores measured anew from the rounded weights.

    Host names and data paths of the run stay behind. A shipped model published under its own name is measured anew.

    Args:
        run_id: a run that has finished, or a shipped model.
        spec: the dataset to measure on.
        name: folder in ``checkpoints/``; the run's id by default.
        trained_on: words that name the data; the dataset's name and size by default.
        terms: sentence on the licence of the data, for the model card.
        runs: folder of runs.
        root: folder of shipped models.
        on_progress: called with (frames done, frames in all) while preparing and measuring.

    Raises:
        UsageError: the run has not finished, or the dataset is wrong.
    """
    result = find_result(run_id, runs)
    if result.state != "finished":
        raise UsageError(f"{run_id}: expected a finished run, found it {result.state}")
    device = best_device()
    target = Run((root or shipped_root()) / (name or run_id))
    network, card = checkpoint.load(result.run.checkpoint, device)
    training = {**card.training, "recipe": _without_folders(card.training["recipe"])}
    words = trained_on or data_info(spec).description
    card = ModelCard(**{**vars(card), "trained_on": words, "training": training, "scores": {}})
    checkpoint.save(target.folder, network, card, torch.bfloat16)
    network, card = checkpoint.load(target.folder, device)
    scores: dict[str, Any] = {}
    splits = prepare(spec, card.image_size, on_progress)
    on_devices = {split: DeviceSplit(splits[split], device) for split in SCORED if split in splits}
    temperature = fit_temperature(network, on_devices["val"], card.normalization) if "val" in on_devices else 1.0
    for split in SCORED:
        if split in splits:
            measured = evaluate(
                network,
                on_devices[split],
                card.normalization,
                detailed=True,
                temperature=temperature,
                on_progress=on_progress,
            )
            frames = splits[split].meta.frames
            target.write_confusions(split, frames, best=measured.confusions)
            assert measured.detail is not None
            target.write_detail(split, frames, **vars(measured.detail))
            scores[split] = stamped(measured.confusions, splits[split])
    speed = measure_speed(network, card.image_size, card.normalization, device)
    speed["onnx_frames_per_second"] = _onnx_speed(target.folder)
    card = ModelCard(**{**vars(card), "scores": scores, "speed": speed, "temperature": temperature})
    checkpoint.write_card(target.folder, card)
    if result.run.folder.resolve() != target.folder.resolve():
        shutil.copyfile(result.run.folder / "history.jsonl", target.folder / "history.jsonl")
    robustness = (
        measure_robustness(str(target.folder), spec, keep_in=target.folder, on_progress=on_progress)
        if "val" in splits
        else None
    )
    description = {key: value for key, value in result.run.describe().items() if key not in _PRIVATE}
    description["config"] = _without_folders(description["config"])
    write_json(target.folder / "config.json", description)
    (target.folder / "README.md").write_text(_model_card(target, result, card, robustness, terms), encoding="utf-8")
    return find_result(str(target.folder))


def _without_folders(recipe: dict[str, Any]) -> dict[str, Any]:
    return {key: Path(value).name if key in _NAMED else value for key, value in recipe.items()}


def _onnx_speed(folder: Path) -> float:
    """Return frames per second of a checkpoint on the processor, as a file for ONNX Runtime."""
    network, card = checkpoint.load(folder)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        write_onnx(network, card, path)
        exported = load_onnx(path).model
        speed = measure_speed(exported, card.image_size, card.normalization, torch.device("cpu"))
    return float(speed["frames_per_second"])


def _model_card(target: Run, result: Result, card: ModelCard, robustness: Robustness | None, terms: str) -> str:
    config = result.config
    size = f"{card.image_size[0]}x{card.image_size[1]}"
    scores = card.scores
    split = "test" if "test" in scores else next(iter(scores))
    lines = [
        f"# {target.id}",
        "",
        f"A {card.architecture} with {card.parameters:,} parameters that sees photos at {size} (height x width).",
        "",
        f"- Trained on: {card.trained_on}, train split, {config.epochs} epochs; the weights of epoch "
        f"{card.training['epoch']} scored best on val.",
        f"- Recipe: preset `{config.preset}`; {config.optimizer}, learning rate {config.learning_rate:g} "
        f"({config.schedule}), batch {config.batch_size}, precision {config.precision}, seed {config.seed}.",
        *_built_on(config),
        f"- Training took {result.seconds or 0:,.0f} s on {result.run.describe().get('device', 'an unnamed device')}.",
        f"- Speed: {card.speed['frames_per_second']:.1f} frames/s by PyTorch, one photo at a time, on "
        f"{card.speed['device']}; {card.speed['onnx_frames_per_second']:.1f} by ONNX Runtime on the processor, "
        f"{torch.get_num_threads()} threads.",
        "- Weights are stored in bfloat16; every score was measured in float32 from these stored weights.",
        *([f"- Terms: {terms}"] if terms else []),
        "",
        f"## Scores, measured at {size} on {card.trained_on}",
        "",
        "In brackets the 95 % interval: how far other frames would have moved the score (bootstrap over the frames).",
        "",
        "| split | macro F1 | mean IoU | precision | recall | pixel accuracy | classes above zero |",
        "|---|---|---|---|---|---|---|",
    ]
    intervals = {key: bootstrap.scores(target.confusions(key).matrices) for key in scores}
    for key, values in scores.items():
        names = ("macro f1", "macro iou", "macro precision", "macro recall", "pixel accuracy")
        cells = " | ".join(_with_interval(intervals[key][name]) for name in names)
        lines.append(f"| {key} | {cells} | {values['classes_above_zero']} of 19 |")
    lines += [
        "",
        f"Per class on {split}:",
        "",
        "| class | precision | recall | F1 = Dice | IoU |",
        "|---|---|---|---|---|",
    ]
    for class_name in CLASS_NAMES:
        cells = " | ".join(
            _with_interval(intervals[split][f"{metric} {class_name}"])
            for metric in ("precision", "recall", "f1", "iou")
        )
        lines.append(f"| {class_name} | {cells} |")
    lines += [
        "",
        "## Calibration",
        "",
        f"Logits are divided by a temperature of {card.temperature:g}, fitted on val. After that, confidence and the "
        f"share of right pixels differ by {_calibration(target, scores)} on average (expected calibration error).",
        *(_robustness(robustness) if robustness else []),
        "",
        "## Limits",
        "",
        "It has seen daylight streets of one region, from one camera behind a windscreen. Night, rain, snow, other "
        "countries and other viewpoints lower its quality without warning; no training frame shows a night, whose "
        "black sky such models take for vegetation. A class with an F1 below 0.3 in the table is missed or mistaken "
        "more often than it is found. It is a study object, not a part for a vehicle.",
        "",
    ]
    return "\n".join(lines)


def _built_on(config: ExperimentConfig) -> list[str]:
    lines = []
    if config.initial:
        lines.append(f"- Started from the weights of {Path(config.initial).name}.")
    if config.teacher:
        lines.append(
            f"- Learnt from {Path(config.teacher).name} beside the labels, which decided "
            f"{100 * (1 - config.teacher_weight):.0f} % of the loss."
        )
    return lines


def _with_interval(score: Score) -> str:
    if np.isnan(score.low):
        return _figure(score.value)
    return f"{_figure(score.value)} ({score.low:.3f} to {score.high:.3f})"


def _robustness(found: Robustness) -> list[str]:
    lines = [
        "",
        "## Other cameras",
        "",
        f"Macro F1 on {found.split}, every photo changed as another camera might have taken it. On average over the "
        f"changes {found.mean_f1:.3f} is left, {100 * found.retained:.0f} % of the score of the frames as they are. "
        "Streets of other countries differ in more than their cameras.",
        "",
        "| change | what is done | macro F1 |",
        "|---|---|---|",
    ]
    for each in (found.plain, *found.changed):
        score = Score(*(np.nan if part is None else part for part in each.f1))
        lines.append(f"| {each.name or 'none'} | {each.words} | {_with_interval(score)} |")
    return lines


def _calibration(target: Run, splits: Iterable[str]) -> str:
    errors = []
    for split in splits:
        detail = target.detail(split)
        if detail is not None:
            errors.append(f"{_figure(reliability(detail.calibration).error)} on {split}")
    return " and ".join(errors)


def _figure(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
