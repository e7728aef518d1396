"""Words of the pages: labels of settings and scores, their help texts, and the format of figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cityseg.config import SETTINGS, ExperimentConfig

ABSENT = "–"

SCORES: dict[str, tuple[str, str]] = {
    "f1": (
        "F1",
        "Balance of precision and recall: 2 x hits / (2 x hits + false alarms + misses). Macro F1 is the plain mean "
        "over the classes, so a rare class counts as much as the road.",
    ),
    "iou": (
        "IoU",
        "Intersection over union: of all pixels that are the class or were called it, the share that is both. "
        "Stricter than F1; mean IoU is the figure most papers give.",
    ),
    "precision": ("Precision", "Of the pixels called this class, the share that really is it."),
    "recall": ("Recall", "Of the pixels that are this class, the share that was found."),
    "dice": ("Dice", "Another name for F1 where every pixel has one class; both are asked for, so both are given."),
}
"""Metric by its key: its name and what it means."""

PIXEL_ACCURACY = "Share of all scored pixels whose class is right. Road and buildings alone decide most of it."
CLASSES_FOUND = "Classes of which at least one pixel was found, out of the 19 that are scored."
WEIGHTED_F1 = "F1 averaged with each class weighing as much as it has pixels: the large classes decide."
SAMPLES_DICE = "Dice averaged over the classes of each frame, then over the frames: every frame counts the same."
SUPPORT = "Support: how much of the split is this class, as a share of all scored pixels."


def label(field: str) -> str:
    """Return the label of a setting."""
    return SETTINGS[field].label


def label_in_sentence(field: str) -> str:
    """Return the label of a setting in lower case, unless it begins with an acronym."""
    first, *rest = label(field).split(" ", 1)
    return " ".join([first.lower() if first[1:].islower() else first, *rest])


def meaning(field: str) -> str:
    """Return the help text of a setting."""
    return SETTINGS[field].help


def setting(field: str, value: Any) -> str:
    """Format the value of a setting: sizes as height x width, booleans as yes or no."""
    if value is None:
        return ABSENT
    if field == "image_size":
        return size(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or ABSENT


def size(value: tuple[int, int] | list[int]) -> str:
    """Write a size in pixels, height first."""
    return f"{value[0]}×{value[1]}"


def score(value: float | None) -> str:
    """Write a score with three decimals, or a dash where there is none."""
    return ABSENT if value is None or value != value else f"{value:.3f}"


def only_on_train(configs: Mapping[str, ExperimentConfig]) -> str:
    """Say what a run's loss on train has that its loss on val lacks; nothing where there is no such run.

    Args:
        configs: the runs' settings by their names.
    """
    sentences = []
    for name, config in configs.items():
        parts = []
        if config.deep_supervision:
            parts.append(f"{config.deep_supervision:g} times the loss of its coarser levels (deep supervision)")
        if config.teacher and config.teacher_weight:
            parts.append(f"what it learns from {config.teacher}, at a weight of {config.teacher_weight:g}")
        if parts:
            sentences.append(
                f"On train the loss of {name} also has {' and '.join(parts)}; on val it is that of the labels alone."
            )
    return " ".join(sentences)
