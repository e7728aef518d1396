"""The registry of architectures: a name and its arguments make a network.

Networks map (N, 3, H, W) photos, normalised as their model card says, to (N, 19, H, W) logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from cityseg.config import PLAIN_UNET, ExperimentConfig
from cityseg.errors import UsageError
from cityseg.models.baselines import lraspp, smp_unet
from cityseg.models.unet import UNet

__all__ = ["ARCHITECTURES", "UNet", "arguments_of", "build_model", "count_parameters"]

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {"unet": UNet, "smp-unet": smp_unet, "lraspp": lraspp}


def arguments_of(config: ExperimentConfig) -> dict[str, Any]:
    """Return the architecture's keyword arguments for a config."""
    if config.architecture != "unet":
        return {}
    arguments: dict[str, Any] = {"start_channels": config.start_channels, "depth": config.depth}
    own = {name: getattr(config, name) for name in PLAIN_UNET}
    return arguments | {name: value for name, value in own.items() if value != PLAIN_UNET[name]}


def build_model(architecture: str, arguments: dict[str, Any]) -> nn.Module:
    """Build a randomly initialised network; raises UsageError for an unknown name."""
    if architecture not in ARCHITECTURES:
        raise UsageError(f"unknown architecture {architecture!r}: expected one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](**arguments)


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
