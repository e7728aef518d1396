"""A network prepared for predicting gives what the network gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from cityseg.models import build_model
from cityseg.models.fused import for_inference, fused

CPU = torch.device("cpu")
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "double": ("unet", {"block": "double"}),
    "residual": ("unet", {"block": "residual"}),
    "depthwise": ("unet", {"block": "depthwise", "attention": True}),
    "separable": ("unet", {"block": "separable", "stem": 2, "upsampling": "bilinear", "max_channels": 8}),
    "stem of four": ("unet", {"block": "separable", "stem": 4}),
}


def used(model: nn.Module) -> nn.Module:
    """Give every normalisation statistics, a scale and a shift of its own, as after training."""
    random = torch.Generator().manual_seed(2)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values, low, high in (
                (layer.running_mean, -0.5, 0.5),
                (layer.running_var, 0.3, 2.0),
                (layer.weight.data, 0.5, 1.5),
                (layer.bias.data, -0.5, 0.5),
            ):
                values.copy_(torch.rand(values.shape, generator=random) * (high - low) + low)
    return model.eval()


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("size", [(32, 64), (37, 51)])
@torch.no_grad()
def test_it_gives_the_same_logits_and_leaves_the_network_alone(kind, size):
    name, arguments = NETWORKS[kind]
    torch.manual_seed(0)
    model = used(build_model(name, {"start_channels": 4, "depth": 1, **arguments}))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    photos = torch.randn(2, 3, *size)
    wanted = model(photos)
    prepared = for_inference(model, CPU)
    torch.testing.assert_close(prepared(photos), wanted, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in prepared.modules())
    assert prepared.min_size == model.min_size
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@torch.no_grad()
@pytest.mark.parametrize("name", ["smp-unet", "lraspp"])
def test_networks_of_other_libraries_are_folded(name):
    torch.manual_seed(0)
    model = used(build_model(name, {}))
    photos = torch.randn(1, 3, 32, 64)
    wanted = model(photos)
    torch.testing.assert_close(fused(model)(photos), wanted, rtol=1e-3, atol=1e-3)


def test_a_normalisation_after_anything_else_stays():
    model = used(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)))
    photos = torch.randn(2, 3, 5, 7)
    with torch.no_grad():
        wanted = model(photos)
        torch.testing.assert_close(fused(model)(photos), wanted, rtol=1e-5, atol=1e-5)
    assert [type(layer) for layer in model] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.Conv2d, nn.Identity]


def test_networks_on_other_devices_or_without_weights_are_unchanged():
    network = nn.Conv2d(3, 2, 1)
    assert for_inference(network, torch.device("cuda")) is network
    program = nn.Identity()
    assert for_inference(program, CPU) is program
