"""The registry of architectures: a name and its arguments make a network.

Networks map (N, 3, H, W) photos, normalised as their model card says, to (N, 19, H, W) logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from cityseg import config
from cityseg.config import PLAIN_UNET, ExperimentConfig
from cityseg.errors import UsageError
from cityseg.models.baselines import lraspp, smp_unet
from cityseg.models.unet import UNet

__all__ = ["ARCHITECTURES", "UNet", "arguments_from", "arguments_of", "build_model", "count_parameters"]

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {"unet": UNet, "smp-unet": smp_unet, "lraspp": lraspp}


def arguments_of(settings: ExperimentConfig) -> dict[str, Any]:
    """Return the architecture's keyword arguments for a config."""
    if settings.architecture != "unet":
        return {}
    arguments: dict[str, Any] = {"start_channels": settings.start_channels, "depth": settings.depth}
    own = {name: getattr(settings, name) for name in PLAIN_UNET}
    return arguments | {name: value for name, value in own.items() if value != PLAIN_UNET[name]}


def arguments_from(architecture: str, arguments: Mapping[str, Any], image_size: tuple[int, int]) -> dict[str, Any]:
    """Check stored keyword arguments against the bounds of the config's settings, and return them as it does.

    Raises UsageError for an unknown architecture or argument, a value out of bounds, or a size the network refuses.
    """
    if unknown := sorted(set(arguments) - {"start_channels", "depth", *PLAIN_UNET}):
        raise UsageError(f"unknown argument {unknown[0]!r} of {architecture}")
    described = {"architecture": architecture, "image_size": image_size, **arguments}
    return arguments_of(config.build(described, strict=True))


def build_model(architecture: str, arguments: dict[str, Any]) -> nn.Module:
    """Build a randomly initialised network; raises UsageError for an unknown name."""
    if architecture not in ARCHITECTURES:
        raise UsageError(f"unknown architecture {architecture!r}: expected one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](**arguments)


def count_parameters(model: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
