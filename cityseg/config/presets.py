"""Presets: named configs, each repeatable with one command."""

from __future__ import annotations

from typing import Any

from cityseg.config.experiment import ExperimentConfig
from cityseg.config.parse import build
from cityseg.errors import UsageError

_BASELINE: dict[str, Any] = {
    "normalization": "none",
    "flip": False,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "schedule": "constant",
    "class_weights": "none",
    "dice_weight": 0.0,
    "precision": "pure-bfloat16",
}

_SEPARABLE: dict[str, Any] = {
    "depth": 3,
    "block": "separable",
    "upsampling": "bilinear",
    "batch_size": 8,
    "optimizer": "muon",
    "learning_rate": 6e-3,
    "channels_last": True,
    "brightness": 0.2,
    "contrast": 0.2,
    "saturation": 0.2,
    # A quarter faster than bfloat16 on the CPUs they were trained on, which lack its instructions.
    "precision": "float32",
}

_DENSE: dict[str, Any] = {
    **_SEPARABLE,
    "block": "residual",
    "start_channels": 48,
    "max_channels": 256,
    "stem": 2,
    "image_size": (256, 512),
    "warmup_share": 0.2,
    "deep_supervision": 0.4,
    "precision": "bfloat16",
}

# Strong photometric and scale augmentation, for robustness to other cameras and weather.
_STRONG_AUGMENTATION: dict[str, Any] = {
    "scale_min": 0.7,
    "scale_max": 1.6,
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.5,
    "hue": 0.02,
    "tint": 0.2,
    "blur": 0.8,
    "noise": 0.05,
}

# The same, weaker.
_WEAK_AUGMENTATION: dict[str, Any] = {
    "scale_min": 0.75,
    "scale_max": 1.5,
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.3,
    "hue": 0.01,
    "tint": 0.1,
    "blur": 0.5,
    "noise": 0.03,
}

_PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "experiment-1": (
        "Smallest baseline U-Net at 64x128, with its original training recipe",
        {**_BASELINE, "start_channels": 8, "depth": 2, "image_size": (64, 128), "epochs": 5, "batch_size": 256},
    ),
    "experiment-2": (
        "Middle baseline U-Net at 64x128, with its original training recipe",
        {**_BASELINE, "start_channels": 16, "depth": 3, "image_size": (64, 128), "epochs": 7, "batch_size": 256},
    ),
    "experiment-3": (
        "Largest baseline U-Net at 128x256, with its original training recipe",
        {**_BASELINE, "start_channels": 16, "depth": 4, "image_size": (128, 256), "epochs": 10, "batch_size": 128},
    ),
    "better-1": (
        "experiment-1's network, size and epochs with a better training recipe",
        {"start_channels": 8, "depth": 2, "image_size": (64, 128), "epochs": 5, "learning_rate": 6e-3},
    ),
    "better-2": (
        "experiment-2's network, size and epochs with a better training recipe",
        {"start_channels": 16, "depth": 3, "image_size": (64, 128), "epochs": 7, "learning_rate": 6e-3},
    ),
    "better-3": (
        "experiment-3's network, size and epochs with a better training recipe",
        {"start_channels": 16, "depth": 4, "image_size": (128, 256), "epochs": 10, "learning_rate": 4e-3},
    ),
    "best-1": (
        "Recommended at experiment-1's size, epochs and number of parameters",
        {**_SEPARABLE, "start_channels": 24, "max_channels": 64, "image_size": (64, 128), "epochs": 5},
    ),
    "best-2": (
        "Recommended at experiment-2's size, epochs and number of parameters",
        {**_SEPARABLE, "start_channels": 32, "max_channels": 192, "image_size": (64, 128), "epochs": 7},
    ),
    "best-3": (
        "Recommended at experiment-3's size, epochs and number of parameters",
        {**_SEPARABLE, "start_channels": 16, "max_channels": 256, "depth": 4, "image_size": (128, 256), "epochs": 10},
    ),
    "best-4": (
        "Recommended at 128x256 without a parameter budget, with strong augmentation for other cameras",
        {
            **_SEPARABLE,
            **_STRONG_AUGMENTATION,
            "start_channels": 48,
            "max_channels": 256,
            "stem": 2,
            "image_size": (128, 256),
            "epochs": 32,
            "half_size_epochs": 10,
        },
    ),
    "best-5": (
        "best-4 fine-tuned with weaker augmentation",
        {
            **_SEPARABLE,
            **_WEAK_AUGMENTATION,
            "initial": "best-4",
            "start_channels": 48,
            "max_channels": 256,
            "stem": 2,
            "image_size": (128, 256),
            "learning_rate": 3e-3,
            "epochs": 16,
            "precision": "bfloat16",
        },
    ),
    "best-6": (
        "best-5 fine-tuned at 256x512",
        {
            **_SEPARABLE,
            **_WEAK_AUGMENTATION,
            "initial": "best-5",
            "start_channels": 48,
            "max_channels": 256,
            "stem": 2,
            "image_size": (256, 512),
            "learning_rate": 2e-3,
            "epochs": 4,
            "precision": "bfloat16",
        },
    ),
    "best-7-first": (
        "First stage of best-7: dense convolutions, 256x512 from the first epoch on; for a GPU",
        {
            **_DENSE,
            **_STRONG_AUGMENTATION,
            "scale_max": 1.8,
            "blur": 1.0,
            "copy_paste": 0.3,
            "batch_size": 16,
            "epochs": 8,
        },
    ),
    "best-7-second": (
        "Second stage of best-7: best-7-first fine-tuned with weaker augmentation",
        {**_DENSE, **_WEAK_AUGMENTATION, "initial": "best-7-first", "learning_rate": 3e-3, "epochs": 4},
    ),
    "best-7": (
        "best-7-second fine-tuned at half its learning rate; recommended above 128x256",
        {**_DENSE, **_WEAK_AUGMENTATION, "initial": "best-7-second", "learning_rate": 1.5e-3, "epochs": 4},
    ),
    "best-live": (
        "best-6 with a stem of stride 4: for live video on a CPU",
        {
            **_SEPARABLE,
            **_WEAK_AUGMENTATION,
            "initial": "best-6",
            "start_channels": 48,
            "max_channels": 256,
            "stem": 4,
            "image_size": (256, 512),
            "learning_rate": 3e-3,
            "epochs": 5,
            "precision": "bfloat16",
        },
    ),
}

PRESETS: dict[str, str] = {name: description for name, (description, _) in _PRESETS.items()}
"""One-line description of each preset."""


def preset(name: str) -> ExperimentConfig:
    """Return a preset's config.

    Raises:
        UsageError: no preset has that name.
    """
    if name not in _PRESETS:
        raise UsageError(f"unknown preset {name!r}: expected one of {', '.join(_PRESETS)}")
    return build({**_PRESETS[name][1], "preset": name})
