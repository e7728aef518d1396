"""Weights to start from: those of another checkpoint, brought to the configured network."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg import checkpoint
from cityseg.config import ExperimentConfig
from cityseg.errors import UsageError
from cityseg.models import arguments_of, build_model

_STEM = "stem.0.weight"


def initial_weights(config: ExperimentConfig, folder: Path) -> dict[str, Tensor]:
    """Return a checkpoint's weights as the state of the configured network, in float32.

    The networks have to be the same but for the stem's stride. A stem twice as wide is given the same kernel with
    each of its weights spread over 2x2 pixels, so that a frame of twice the size, which is a smooth enlargement of
    the old one, gives about the same answer.

    Args:
        config: describes the network.
        folder: the checkpoint.

    Raises:
        CheckpointError: the folder holds none, or a damaged one.
        UsageError: it is of another network.
    """
    source, _ = checkpoint.load(folder)
    weights = source.state_dict()
    with torch.device("meta"):
        expected = build_model(config.architecture, arguments_of(config)).state_dict()
    if _STEM in weights and _STEM in expected:
        weights[_STEM] = _resized(weights[_STEM], expected[_STEM].shape[-1])
    found = {name: weight.shape for name, weight in weights.items()}
    if found != {name: weight.shape for name, weight in expected.items()}:
        raise UsageError(
            f"initial: expected a model whose network is that of the recipe but for the stride of its stem, found "
            f"another in {config.initial}; set architecture, start_channels, depth, max_channels, block, upsampling "
            "and attention as it has them"
        )
    return weights


def _resized(kernel: Tensor, width: int) -> Tensor:
    """Return an (O, I, K, K) kernel at another width that sees the same part of a frame scaled alike."""
    factor = width / kernel.shape[-1]
    if factor >= 1:
        return F.interpolate(kernel, size=(width, width), mode="nearest") / factor**2
    return F.adaptive_avg_pool2d(kernel, width) / factor**2
