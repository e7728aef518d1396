"""What a shipped model's README says of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.comparison.bootstrap import Score
from cityseg.api.results.listing import Result
from cityseg.api.results.robustness import Robustness
from cityseg.checkpoint import ModelCard
from cityseg.classes import CLASS_NAMES
from cityseg.config import ExperimentConfig
from cityseg.metrics.calibration import reliability
from cityseg.runs import Run


def model_card(target: Run, result: Result, card: ModelCard, robustness: Robustness | None) -> str:
    """Return a published model's README.

    Args:
        target: its folder, with what was counted when it was measured.
        result: the run it was, or the shipped model that is measured anew.
        card: its description, with all figures.
        robustness: its scores as other cameras would have it, if measured.
    """
    config = result.config
    size = f"{card.image_size[0]}x{card.image_size[1]}"
    scores = card.scores
    split = "test" if "test" in scores else next(iter(scores))
    lines = [
        f"# {target.id}",
        "",
        f"A {card.architecture} with {card.parameters:,} parameters that sees photos at {size} (height x width).",
        "",
        f"- Trained on: {card.trained_on}, train split, {result.epochs_done} epochs; {_weights(card)}.",
        f"- Recipe: preset `{config.preset}`; {config.optimizer}, learning rate {config.learning_rate:g} "
        f"({config.schedule}), batch {config.batch_size}, precision {config.precision}, seed {config.seed}.",
        *_built_on(config),
        *_training_time(result),
        f"- Speed: {card.speed['frames_per_second']:.1f} frames/s by PyTorch, one photo at a time, on "
        f"{card.speed['device']}; {card.speed['onnx_frames_per_second']:.1f} by ONNX Runtime on the processor, "
        f"{torch.get_num_threads()} threads.",
        "- Weights are stored in bfloat16; every score was measured in float32 from these stored weights.",
        *([f"- Terms: {card.terms}"] if card.terms else []),
        "",
        f"## Scores, measured at {size} on {card.measured_on or card.trained_on}",
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
        f"{_seen(card, config)} A class with an F1 below 0.3 in the table is missed or mistaken more often than it is "
        "found. It is a study object, not a part for a vehicle.",
        "",
    ]
    return "\n".join(lines)


def _weights(card: ModelCard) -> str:
    averaged = card.training.get("averaged")
    if averaged:
        return f"the weights are the mean of those of {', '.join(averaged[:-1])} and {averaged[-1]}, each trained so"
    return f"the weights of epoch {card.training['epoch']} scored best on val"


def _seen(card: ModelCard, config: ExperimentConfig) -> str:
    """Say what the training frames leave out, as far as it is known."""
    if "cityscapes" not in card.trained_on.lower():
        return (
            "What its training frames do not show (other places, light, weather, cameras and viewpoints) lowers its "
            "quality without warning."
        )
    night = "" if config.night else "; no training frame shows a night, whose black sky such models take for vegetation"
    return (
        "It has seen daylight streets of one region, from one camera behind a windscreen. Night, rain, snow, other "
        f"countries and other viewpoints lower its quality without warning{night}."
    )


def _training_time(result: Result) -> list[str]:
    if result.seconds is None:
        return []
    device = result.run.describe().get("device", "an unnamed device")
    return [f"- Training took {result.seconds:,.0f} s on {device}."]


def _built_on(config: ExperimentConfig) -> list[str]:
    lines = []
    if config.initial:
        lines.append(f"- Started from the weights of {Path(config.initial).name}.")
    if config.teacher and config.label_doubt and config.teacher_weight < 1:
        lines.append(
            f"- Labels whose class {Path(config.teacher).name} gave a probability below {config.label_doubt:g} were "
            "left out."
        )
    if config.teacher and config.teacher_weight:
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
