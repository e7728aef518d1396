from __future__ import annotations

import pytest
import torch

from cityseg import config
from cityseg.errors import UsageError
from cityseg.models import arguments_of, build_model, count_parameters
from cityseg.models.unet import UNet


@pytest.mark.parametrize(
    ("preset", "parameters"), [("experiment-1", 121_691), ("experiment-2", 1_944_355), ("experiment-3", 7_781_923)]
)
def test_the_first_studys_parameter_counts(preset, parameters):
    description = config.preset(preset)
    assert count_parameters(build_model(description.architecture, arguments_of(description))) == parameters


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("extra", [(0, 0), (1, 0), (0, 1), (3, 5), (17, 30)])
def test_the_output_has_the_inputs_size(depth, extra):
    size = 2 ** (depth + 1) + extra[0], 2 ** (depth + 1) + extra[1]
    model = UNet(2, depth).eval()
    with torch.no_grad():
        assert model(torch.zeros(2, 3, *size)).shape == (2, 19, *size)


@pytest.mark.parametrize("size", [(15, 64), (64, 15), (1, 1)])
def test_too_small_an_input_is_refused(size):
    with pytest.raises(UsageError) as refused:
        UNet(2, 3)(torch.zeros(1, 3, *size))
    assert str(refused.value) == (
        f"expected an input of at least 16x16 pixels for this depth, found {size[0]}x{size[1]}; "
        "use a larger image_size or a smaller depth"
    )


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    model = UNet(2, 2)
    output = model(torch.randn(2, 3, 16, 24))
    (output * torch.randn_like(output)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_pixel_follows_its_photo():
    """Shifting a photo by the coarsest stride shifts the logits, away from the borders."""
    torch.manual_seed(0)
    model = UNet(4, 1).eval()
    photo = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        straight, shifted = model(photo), model(photo.roll(4, -1))
    inner = slice(24, 40)
    torch.testing.assert_close(shifted[..., inner, 28:44], straight[..., inner, 24:40], rtol=1e-4, atol=1e-5)


def test_unknown_architectures_are_refused():
    with pytest.raises(UsageError) as refused:
        build_model("segnet", {})
    assert str(refused.value) == "unknown architecture 'segnet': expected one of unet"
