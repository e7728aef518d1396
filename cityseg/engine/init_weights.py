"""Weights to start from: those of another checkpoint, brought to the configured network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from cityseg import checkpoint
from cityseg.config import ExperimentConfig
from cityseg.data.batches import Normalization
from cityseg.errors import UsageError
from cityseg.models import arguments_of

_STEM = "stem.0.weight"


def initial_weights(config: ExperimentConfig, folder: Path) -> dict[str, Tensor]:
    """Return a checkpoint's weights as the state of the configured network, in float32.

    The networks have to be the same, except that stems of stride 2 and 4 can stand for each other: the kernel keeps its
    shape and is resized, each of its weights spread over 2x2 pixels or the reverse, so that a frame of another size
    that shows the same gives about the same answer.

    Args:
        config: describes the network.
        folder: the checkpoint.

    Raises:
        CheckpointError: the folder holds none, or a damaged one.
        UsageError: it is of another network, or expects photos to be normalised otherwise.
    """
    source, card = checkpoint.load(folder)
    wanted, found = ({"architecture": name, **settings} for name, settings in _networks(config, card))
    both = {wanted.get("stem", 1), found.get("stem", 1)}
    differing = sorted(
        setting
        for setting in wanted.keys() | found.keys()
        if wanted.get(setting) != found.get(setting) and not (setting == "stem" and both == {2, 4})
    )
    if differing:
        raise UsageError(
            f"initial: expected a model with the recipe's network, found another {' and '.join(differing)} in "
            f"{config.initial}; choose the settings it was trained with"
            + (" (stems of stride 2 and 4 can stand for each other, 1 cannot)" if "stem" in differing else "")
        )
    if card.normalization != Normalization.named(config.normalization):
        raise UsageError(
            f"initial: expected a model for photos normalised as the recipe says ({config.normalization}), found other "
            f"means in {config.initial}; set normalization to what it was trained with"
        )
    weights: dict[str, Tensor] = source.state_dict()
    if _STEM in weights:
        weights[_STEM] = _resized(weights[_STEM], 2 * config.stem)
    return weights


def _networks(config: ExperimentConfig, card: checkpoint.ModelCard) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return what a recipe and a card say of their networks; a stem that an older card calls True is 2."""
    theirs = dict(card.arguments)
    if "stem" in theirs:
        theirs["stem"] = 2 if theirs["stem"] is True else theirs["stem"]
    return (config.architecture, arguments_of(config)), (card.architecture, theirs)


def _resized(kernel: Tensor, width: int) -> Tensor:
    """Return an (O, I, K, K) kernel at another width that sees the same part of a frame scaled alike."""
    factor = width / kernel.shape[-1]
    if factor >= 1:
        return F.interpolate(kernel, size=(width, width), mode="nearest") / factor**2
    return F.adaptive_avg_pool2d(kernel, width) / factor**2
