"""Initial weights from another checkpoint."""

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
    """Return a checkpoint's weights as the state dict of the config's network, in float32.

    The networks must be equal, except that a stem of stride 2 can initialise one of stride 4 and the reverse: the
    kernel is resized, so that the same scene at twice the size gives about the same output.

    Raises:
        CheckpointError: no checkpoint, or a damaged one.
        UsageError: another network or another normalisation.
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
            f"initial: expected a model with the config's network, found another {' and '.join(differing)} in "
            f"{config.initial}; choose the settings it was trained with"
            + (" (stems of stride 2 and 4 are interchangeable, 1 is not)" if "stem" in differing else "")
        )
    if card.normalization != Normalization.named(config.normalization):
        raise UsageError(
            f"initial: expected a model with normalization {config.normalization}, found other means in "
            f"{config.initial}; set normalization to the one it was trained with"
        )
    weights: dict[str, Tensor] = source.state_dict()
    if _STEM in weights:
        weights[_STEM] = _resized(weights[_STEM], 2 * config.stem)
    return weights


def _networks(config: ExperimentConfig, card: checkpoint.ModelCard) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the networks of a config and a card; older cards have True for a stem of 2."""
    theirs = dict(card.arguments)
    if "stem" in theirs:
        theirs["stem"] = 2 if theirs["stem"] is True else theirs["stem"]
    return (config.architecture, arguments_of(config)), (card.architecture, theirs)


def _resized(kernel: Tensor, width: int) -> Tensor:
    """Return an (O, I, K, K) kernel resized to another width, for input scaled alike."""
    factor = width / kernel.shape[-1]
    if factor >= 1:
        return F.interpolate(kernel, size=(width, width), mode="nearest") / factor**2
    return F.adaptive_avg_pool2d(kernel, width) / factor**2
