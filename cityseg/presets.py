"""The presets: recipes with a name, each repeatable with one command."""

from __future__ import annotations

from typing import Any

from cityseg.config import ExperimentConfig, build
from cityseg.errors import UsageError

_FIRST_STUDY: dict[str, Any] = {
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
    # A quarter faster than bfloat16 on the processors they were trained on, which lack its instructions.
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

# What another camera, windscreen or weather would do to a photo.
_OTHER_CAMERAS: dict[str, Any] = {
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

# The same, milder.
_NEAR_CAMERAS: dict[str, Any] = {
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
        "The first study's smallest U-Net at 64x128, as it was trained",
        {**_FIRST_STUDY, "start_channels": 8, "depth": 2, "image_size": (64, 128), "epochs": 5, "batch_size": 256},
    ),
    "experiment-2": (
        "The first study's middle U-Net at 64x128, as it was trained",
        {**_FIRST_STUDY, "start_channels": 16, "depth": 3, "image_size": (64, 128), "epochs": 7, "batch_size": 256},
    ),
    "experiment-3": (
        "The first study's largest U-Net at 128x256, as it was trained",
        {**_FIRST_STUDY, "start_channels": 16, "depth": 4, "image_size": (128, 256), "epochs": 10, "batch_size": 128},
    ),
    "better-1": (
        "experiment-1's network, size and epochs with the studio's recipe",
        {"start_channels": 8, "depth": 2, "image_size": (64, 128), "epochs": 5, "learning_rate": 6e-3},
    ),
    "better-2": (
        "experiment-2's network, size and epochs with the studio's recipe",
        {"start_channels": 16, "depth": 3, "image_size": (64, 128), "epochs": 7, "learning_rate": 6e-3},
    ),
    "better-3": (
        "experiment-3's network, size and epochs with the studio's recipe",
        {"start_channels": 16, "depth": 4, "image_size": (128, 256), "epochs": 10, "learning_rate": 4e-3},
    ),
    "best-1": (
        "The best we know at experiment-1's size, epochs and number of parameters",
        {**_SEPARABLE, "start_channels": 24, "max_channels": 64, "image_size": (64, 128), "epochs": 5},
    ),
    "best-2": (
        "The best we know at experiment-2's size, epochs and number of parameters",
        {**_SEPARABLE, "start_channels": 32, "max_channels": 192, "image_size": (64, 128), "epochs": 7},
    ),
    "best-3": (
        "The best we know at experiment-3's size, epochs and number of parameters",
        {**_SEPARABLE, "start_channels": 16, "max_channels": 256, "depth": 4, "image_size": (128, 256), "epochs": 10},
    ),
    "best-4": (
        "The best we know at 128x256, without a budget, made for other cameras too",
        {
            **_SEPARABLE,
            **_OTHER_CAMERAS,
            "start_channels": 48,
            "max_channels": 256,
            "stem": 2,
            "image_size": (128, 256),
            "epochs": 32,
            "half_size_epochs": 10,
        },
    ),
    "best-5": (
        "best-4 trained on with milder changes of camera",
        {
            **_SEPARABLE,
            **_NEAR_CAMERAS,
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
        "best-5 taken to 256x512",
        {
            **_SEPARABLE,
            **_NEAR_CAMERAS,
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
        "What best-7 starts from: dense convolutions, 256x512 from the first epoch on; for a GPU",
        {
            **_DENSE,
            **_OTHER_CAMERAS,
            "scale_max": 1.8,
            "blur": 1.0,
            "copy_paste": 0.3,
            "batch_size": 16,
            "epochs": 8,
        },
    ),
    "best-7-second": (
        "best-7-first trained on with milder changes of camera: what best-7 goes on from",
        {
            **_DENSE,
            **_NEAR_CAMERAS,
            "initial": "best-7-first",
            "learning_rate": 3e-3,
            "epochs": 4,
        },
    ),
    "best-7": (
        "best-7-second trained on at half its rate: the best we know above 128x256",
        {
            **_DENSE,
            **_NEAR_CAMERAS,
            "initial": "best-7-second",
            "learning_rate": 1.5e-3,
            "epochs": 4,
        },
    ),
    "best-live": (
        "best-6 with frames shrunk by four first: for film on a processor",
        {
            **_SEPARABLE,
            **_NEAR_CAMERAS,
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
"""Preset names with one line on each."""


def preset(name: str) -> ExperimentConfig:
    """Return a preset's description.

    Raises:
        UsageError: no preset has that name.
    """
    if name not in _PRESETS:
        raise UsageError(f"unknown preset {name!r}: expected one of {', '.join(_PRESETS)}")
    return build({**_PRESETS[name][1], "preset": name})
