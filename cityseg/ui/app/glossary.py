"""The words of the pages: names of settings and scores, their meaning on hover, and how figures are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cityseg.config import ExperimentConfig

ABSENT = "–"

SETTINGS: dict[str, tuple[str, ...]] = {
    "Model": (
        "architecture",
        "start_channels",
        "max_channels",
        "depth",
        "block",
        "upsampling",
        "stem",
        "attention",
        "initial",
    ),
    "Data": ("image_size", "normalization"),
    "Optimiser": (
        "epochs",
        "batch_size",
        "optimizer",
        "learning_rate",
        "schedule",
        "warmup_share",
        "warmup_steps",
        "weight_decay",
        "momentum",
        "clip_norm",
        "ema_decay",
    ),
    "Loss": (
        "class_weights",
        "cross_entropy_weight",
        "dice_weight",
        "lovasz_weight",
        "label_smoothing",
        "focal_gamma",
        "deep_supervision",
        "teacher",
        "teacher_weight",
        "label_doubt",
    ),
    "Augmentation": (
        "flip",
        "scale_min",
        "scale_max",
        "brightness",
        "contrast",
        "saturation",
        "hue",
        "tint",
        "blur",
        "noise",
        "night",
        "cutmix",
        "copy_paste",
        "rare_frames",
        "half_size_epochs",
    ),
    "Run": ("precision", "seed", "patience", "channels_last", "compile", "group", "tracking"),
}
"""Fields of ``ExperimentConfig`` by group, in the order they are shown."""

SETTING_NAMES: dict[str, str] = {
    "preset": "Preset",
    "architecture": "Network",
    "start_channels": "Channels of the first level",
    "depth": "Depth",
    "block": "Block",
    "stem": "Stem stride",
    "max_channels": "Most channels of a level",
    "upsampling": "Way up",
    "attention": "Attention gates",
    "initial": "Start from",
    "image_size": "Frame size",
    "normalization": "Normalisation",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "optimizer": "Optimiser",
    "learning_rate": "Learning rate",
    "weight_decay": "Weight decay",
    "schedule": "Schedule",
    "warmup_share": "Warm-up share",
    "warmup_steps": "Warm-up steps",
    "momentum": "Momentum",
    "clip_norm": "Gradient clipping",
    "ema_decay": "Averaging of weights",
    "patience": "Patience",
    "class_weights": "Class weights",
    "cross_entropy_weight": "Weight of the cross-entropy loss",
    "label_smoothing": "Label smoothing",
    "focal_gamma": "Focal power",
    "deep_supervision": "Weight of deep supervision",
    "teacher": "Teacher",
    "teacher_weight": "Share of the teacher",
    "label_doubt": "Doubt of labels",
    "dice_weight": "Weight of the Dice loss",
    "lovasz_weight": "Weight of the Lovász loss",
    "flip": "Mirror frames at random",
    "scale_min": "Smallest zoom",
    "scale_max": "Largest zoom",
    "brightness": "Brightness",
    "contrast": "Contrast",
    "saturation": "Saturation",
    "hue": "Hue",
    "tint": "Tint",
    "blur": "Blur",
    "noise": "Noise",
    "night": "Night",
    "cutmix": "CutMix",
    "copy_paste": "Copy-paste of rare things",
    "rare_frames": "Rare classes are on fewer than",
    "half_size_epochs": "Epochs at half size first",
    "precision": "Number type",
    "channels_last": "Channels last in memory",
    "compile": "Compile the network",
    "seed": "Seed",
    "group": "Group",
    "tracking": "Tracking",
}

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


def meaning(field: str) -> str:
    """Return what a setting means, as its own documentation says it."""
    text = ExperimentConfig.model_fields[field].description or ""
    return " ".join(text.split())


def setting(field: str, value: Any) -> str:
    """Write a setting's value: sizes as height x width, yes and no in words."""
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
