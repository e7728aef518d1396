"""Model cards: the README of a shipped model, and the same of any model that has been scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cityseg import checkpoint
from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.comparison.bootstrap import Score
from cityseg.api.results.listing import Result, find_result
from cityseg.api.results.robustness import Robustness, find_robustness
from cityseg.checkpoint import ModelCard
from cityseg.classes import CLASS_NAMES
from cityseg.config import ExperimentConfig
from cityseg.errors import DataError
from cityseg.markdown import escape
from cityseg.metrics.calibration import reliability
from cityseg.runs import Run

_OVERALL = ("macro f1", "macro iou", "macro precision", "macro recall", "pixel accuracy")
_PER_CLASS = ("precision", "recall", "f1", "iou")


def describe_model(model: str, runs: Path | None = None) -> str:
    """Return the model card of a run or a shipped model as Markdown.

    Raises:
        UsageError: an unknown model.
        CheckpointError: one without weights.
        DataError: one that has not been scored.
    """
    result = find_result(model, runs)
    run = Run(result.run.folder)
    card = checkpoint.read_card(run.checkpoint)
    if not any(run.has_confusions(split) for split in card.scores):
        raise DataError(f"{result.model}: expected scores on val or test, found none; let the run finish first")
    fingerprint = card.scores.get("val", {}).get("fingerprint")
    robustness = find_robustness(result.model, "val", fingerprint, runs) if fingerprint else None
    return model_card(run, result, card, robustness)


def model_card(target: Run, result: Result, card: ModelCard, robustness: Robustness | None) -> str:
    """Return the README of a published model.

    Args:
        target: its folder, with the counts of its evaluation.
        result: the run it was made from, or the model itself.
        card: its card with all scores.
        robustness: its scores under image corruptions, if measured.
    """
    config = result.config
    size = f"{card.image_size[0]}x{card.image_size[1]}"
    split = "test" if "test" in card.scores else next(iter(card.scores))
    trained_on, measured_on = escape(card.trained_on), escape(card.measured_on or card.trained_on)
    intervals = {key: bootstrap.scores(target.confusions(key).matrices) for key in card.scores}
    lines = [
        f"# {target.id}",
        "",
        f"A {card.architecture} with {card.parameters:,} parameters and an input size of {size} (height x width).",
        "",
        f"- Trained on: {trained_on}, train split, {result.epochs_done} epochs; {_weights(card)}.",
        f"- Training config: preset `{config.preset}`; {config.optimizer}, learning rate {config.learning_rate:g} "
        f"({config.schedule}), batch size {config.batch_size}, precision {config.precision}, seed {config.seed}.",
        *_initial_weights_and_teacher(config),
        *_training_time(result),
        *_speed(card.speed),
        f"- Weights are stored in {checkpoint.stored_dtype(target.checkpoint)}; every score was measured in float32 "
        "from these stored weights.",
        *([f"- Terms: {card.terms}"] if card.terms else []),
        "",
        f"## Scores, measured at each label's own size on {measured_on}",
        "",
        "In brackets the 95 % interval of the score over other samples of frames (bootstrap over the frames).",
        "",
        *_table(
            ("split", "macro F1", "mean IoU", "precision", "recall", "pixel accuracy", "classes above zero"),
            [
                (
                    key,
                    *(_with_interval(intervals[key][name]) for name in _OVERALL),
                    f"{values['classes_above_zero']} of 19",
                )
                for key, values in card.scores.items()
            ],
        ),
        "",
        *_network_scores(card, size),
        f"Per class on {split}:",
        "",
        *_table(
            ("class", "precision", "recall", "F1 = Dice", "IoU"),
            [
                (name, *(_with_interval(intervals[split][f"{metric} {name}"]) for metric in _PER_CLASS))
                for name in CLASS_NAMES
            ],
        ),
        "",
        "## Calibration",
        "",
        f"Logits are divided by a temperature of {card.temperature:g}, fitted on val. The expected calibration error "
        f"is {_calibration_errors(target, card.scores)}.",
        *(_robustness(robustness) if robustness else []),
        "",
        "## Limits",
        "",
        f"{_domain(card, config)} A class with an F1 below 0.3 in the table is missed or confused more often than it "
        "is found. This is a research model, not a component for a vehicle.",
        "",
    ]
    return "\n".join(lines)


def _speed(speed: Mapping[str, Any]) -> list[str]:
    if "frames_per_second" not in speed:
        return []
    onnx = speed.get("onnx_frames_per_second")
    threads = str(speed.get("device")).partition("CPU")[2]
    through_onnx = f"; {onnx:.1f} with ONNX Runtime on the CPU{threads}" if onnx else ""
    figures = f"{speed['frames_per_second']:.1f} frames/s with PyTorch, one photo at a time, on {speed.get('device')}"
    return [f"- Speed: {figures}{through_onnx}."]


def _network_scores(card: ModelCard, size: str) -> list[str]:
    if not card.network_scores:
        return []
    scores = [f"{split} {_figure(values['macro']['f1'])}" for split, values in card.network_scores.items()]
    return [f"Macro F1 at the network's size, {size}, as in the first study: {' and '.join(scores)}.", ""]


def _weights(card: ModelCard) -> str:
    averaged = card.training.get("averaged")
    if averaged:
        return f"the weights are the mean of {', '.join(averaged[:-1])} and {averaged[-1]}, each trained like this"
    return f"the weights of epoch {card.training.get('epoch', 'unknown')}, the best on val"


def _domain(card: ModelCard, config: ExperimentConfig) -> str:
    """Describe the limits of the training domain, as far as known."""
    if "cityscapes" not in card.trained_on.lower():
        return (
            "Other places, light, weather, cameras and viewpoints than those of its training frames lower its quality "
            "without warning."
        )
    night = "" if config.night else "; the training frames show no night, whose black sky is often taken for vegetation"
    return (
        "The training frames show daylight streets of one region, from one camera behind a windscreen. Night, rain, "
        f"snow, other countries and other viewpoints lower its quality without warning{night}."
    )


def _training_time(result: Result) -> list[str]:
    if result.seconds is None:
        return []
    return [f"- Training took {result.seconds:,.0f} s on {result.run.describe().get('device', 'an unknown device')}."]


def _initial_weights_and_teacher(config: ExperimentConfig) -> list[str]:
    lines = []
    if config.initial:
        lines.append(f"- Initial weights: {Path(config.initial).name}.")
    if config.teacher and config.label_doubt and config.teacher_weight < 1:
        lines.append(
            f"- Labels whose class had a probability below {config.label_doubt:g} from {Path(config.teacher).name} "
            "were left out."
        )
    if config.teacher and config.teacher_weight:
        lines.append(
            f"- Distilled from {Path(config.teacher).name}; the labels made up "
            f"{100 * (1 - config.teacher_weight):.0f} % of the loss."
        )
    return lines


def _robustness(found: Robustness) -> list[str]:
    scores = [
        (each, Score(*(np.nan if part is None else part for part in each.f1)))  # type: ignore[arg-type]
        for each in (found.plain, *found.changed)
    ]
    return [
        "",
        "## Robustness to image corruptions",
        "",
        f"Macro F1 on {found.split} with every photo corrupted in the same way. The average over the corruptions is "
        f"{found.mean_f1:.3f}, {100 * found.retained:.0f} % of the score of the original frames. Streets of other "
        "countries differ in more than the camera.",
        "",
        *_table(
            ("corruption", "description", "macro F1"),
            [(each.name or "none", each.words, _with_interval(score)) for each, score in scores],
        ),
    ]


def _calibration_errors(target: Run, splits: Iterable[str]) -> str:
    details = {split: target.detail(split) for split in splits}
    return " and ".join(
        f"{_figure(reliability(detail.calibration).error)} on {split}" for split, detail in details.items() if detail
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    first, *others = (f"| {' | '.join(cells)} |" for cells in (header, *rows))
    return [first, "|" + "---|" * len(header), *others]


def _with_interval(score: Score) -> str:
    if np.isnan(score.low):
        return _figure(score.value)
    return f"{_figure(score.value)} ({score.low:.3f} to {score.high:.3f})"


def _figure(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
