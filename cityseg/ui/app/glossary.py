"""Texts shared by the pages: labels and help of settings and scores, and number formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cityseg.analysis.tables import ABSENT as ABSENT
from cityseg.analysis.tables import score as score
from cityseg.config import SETTINGS, ExperimentConfig
from cityseg.markdown import escape

SCORES: dict[str, tuple[str, str]] = {
    "f1": (
        "F1",
        "Balance of precision and recall: 2 x hits / (2 x hits + false alarms + misses). Macro F1 is the plain mean "
        "over the classes, so a rare class counts as much as the road.",
    ),
    "iou": (
        "IoU",
        "Intersection over union: of all pixels that are or were predicted as the class, the share that is both. "
        "Stricter than F1; mean IoU is the figure most papers report.",
    ),
    "precision": ("Precision", "Share of the pixels predicted as this class that belong to it."),
    "recall": ("Recall", "Share of the pixels of this class that were predicted as it."),
    "dice": ("Dice", "Equal to F1 when every pixel has exactly one class."),
}
"""Name and help text by metric."""

PIXEL_ACCURACY = "Share of all scored pixels whose class is correct, dominated by road and buildings."
CLASSES_FOUND = "Classes with at least one correct pixel, out of the 19 scored classes."
WEIGHTED_F1 = "F1 averaged over the classes, weighted by their pixels: dominated by the large classes."
SAMPLES_DICE = "Dice averaged over the classes of each frame, then over the frames: every frame counts the same."
SUPPORT = "Support: share of this class in all scored pixels of the split."


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


def settings(values: Mapping[str, Any]) -> dict[str, str]:
    """Return formatted values by the labels of their settings."""
    return {label(field): setting(field, value) for field, value in values.items()}


def size(value: tuple[int, int] | list[int]) -> str:
    """Format a size (height, width) as width × height, like the sizes of photos."""
    return f"{value[1]} × {value[0]}"


def scored_size(value: tuple[int, int] | None) -> str:
    """Describe the size that scores were measured at; None for each label's own size."""
    return f"the network's size, {size(value)} pixels" if value else "each label's own size"


def counted(number: int, noun: str) -> str:
    """Format a count: "1 run", "2,000 runs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def signed(value: float, decimals: int = 1) -> str:
    """Format a difference with its sign."""
    return f"{value:+,.{decimals}f}".replace("-", "−")


def only_on_train(configs: Mapping[str, ExperimentConfig]) -> str:
    """Name, in Markdown, the loss terms that runs, by name with their configs, have on train only; may be empty."""
    sentences = []
    for name, config in configs.items():
        parts = []
        if config.deep_supervision:
            parts.append(f"{config.deep_supervision:g} times the loss of its coarser levels (deep supervision)")
        if config.teacher and config.teacher_weight:
            parts.append(
                f"the distillation loss from {escape(config.teacher)}, at a weight of {config.teacher_weight:g}"
            )
        if parts:
            terms = " and ".join(parts)
            sentences.append(
                f"On train the loss of {escape(name)} includes {terms}; the loss on val is that of the labels alone."
            )
    return " ".join(sentences)
