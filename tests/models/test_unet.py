from __future__ import annotations

import pytest
import torch
from torch import nn

from cityseg import config
from cityseg.config import presets
from cityseg.errors import UsageError
from cityseg.models import arguments_of, build_model, count_parameters
from cityseg.models.blocks import BLOCKS, AttentionGate, ResidualBlock, SeparableBlock
from cityseg.models.unet import UNet, channels_of_levels


@pytest.mark.parametrize(
    ("preset", "parameters"), [("experiment-1", 121_691), ("experiment-2", 1_944_355), ("experiment-3", 7_781_923)]
)
def test_the_first_studys_parameter_counts(preset, parameters):
    description = presets.preset(preset)
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
    assert str(refused.value) == "unknown architecture 'segnet': expected one of unet, smp-unet, lraspp"


VARIANTS = [
    {"block": "residual"},
    {"block": "depthwise"},
    {"block": "separable"},
    {"stem": 2},
    {"stem": 4},
    {"attention": True},
    {"block": "residual", "stem": 2, "attention": True},
    {"max_channels": 6, "upsampling": "bilinear", "attention": True},
    {"max_channels": 2},
]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [(16, 32), (19, 17), (40, 33)])
def test_variants_keep_the_inputs_size_and_train(variant, size):
    torch.manual_seed(0)
    model = UNet(4, 1, **variant)
    output = model(torch.randn(2, 3, *size))
    assert output.shape == (2, 19, *size)
    (output * torch.randn_like(output)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize(("stem", "least"), [(2, 32), (4, 64), (True, 32)])
def test_a_stem_needs_a_larger_photo(stem, least):
    with pytest.raises(UsageError, match=f"at least {least}x{least} pixels for this depth, found {least - 1}x64"):
        UNet(2, 3, stem=stem)(torch.zeros(1, 3, least - 1, 64))


def test_a_stem_sees_every_pixel_of_the_photo():
    torch.manual_seed(0)
    photo = torch.randn(1, 3, 32, 32, requires_grad=True)
    UNet(2, 1, stem=4).stem(photo).square().sum().backward()
    assert photo.grad is not None
    assert (photo.grad.abs().sum(1) > 0).all()


def test_depthwise_blocks_have_about_an_eighth_of_the_weights():
    shares = []
    for channels in (32, 64, 128):
        plain, split = BLOCKS["double"](channels, channels), BLOCKS["depthwise"](channels, channels)
        shares.append(count_parameters(split) / count_parameters(plain))
    assert shares == sorted(shares, reverse=True)
    assert 1 / 9 < shares[-1] < 1 / 7


@pytest.mark.parametrize("kind", [ResidualBlock, SeparableBlock])
def test_a_residual_block_of_no_change_is_the_activation_of_its_input(kind):
    block = kind(6, 6).eval()
    *_, last = (layer for layer in block.change if isinstance(layer, nn.Conv2d))
    torch.nn.init.zeros_(last.weight)
    x = torch.randn(2, 6, 5, 7)
    with torch.no_grad():
        torch.testing.assert_close(block(x), torch.nn.functional.hardswish(x))


def test_an_attention_gate_only_weakens_and_treats_channels_alike():
    torch.manual_seed(0)
    gate = AttentionGate(6)
    skip, signal = torch.randn(2, 6, 5, 7), torch.randn(2, 6, 5, 7)
    with torch.no_grad():
        share = gate(skip, signal) / skip
    assert share.min() > 0
    assert share.max() < 1
    torch.testing.assert_close(share, share[:, :1].expand_as(share))
    assert share.std() > 0.005


def test_plain_arguments_stay_as_short_as_they_were():
    assert arguments_of(presets.preset("better-1")) == {"start_channels": 8, "depth": 2}
    other = config.override(presets.preset("better-1"), ["block=residual", "stem=true"])
    assert arguments_of(other) == {"start_channels": 8, "depth": 2, "block": "residual", "stem": 2}


# torchvision documents 3,221,538 parameters for 21 classes; each class has a row of 40 + 1 and one of 128 + 1.
@pytest.mark.parametrize(("name", "parameters"), [("smp-unet", 14_330_819), ("lraspp", 3_221_538 - 2 * 170)])
def test_baselines_take_any_size(name, parameters):
    model = build_model(name, arguments_of(config.override(presets.preset("better-1"), [f"architecture={name}"])))
    assert count_parameters(model) == parameters
    model.eval()
    for size in ((64, 128), (45, 70)):
        with torch.no_grad():
            assert model(torch.zeros(1, 3, *size)).shape == (1, 19, *size)


@pytest.mark.parametrize(
    ("start", "depth", "most", "channels"),
    [(16, 4, 0, [16, 32, 64, 128, 256, 512]), (24, 3, 64, [24, 48, 64, 64, 64]), (12, 2, 12, [12] * 4)],
)
def test_channels_double_up_to_a_bound(start, depth, most, channels):
    assert channels_of_levels(start, depth, most) == channels
    model = UNet(start, depth, max_channels=most)
    convolutions = [layer for layer in model.down.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions[1::2]] == channels


def test_the_smooth_way_up_is_a_convolution_of_the_enlarged_map():
    torch.manual_seed(0)
    up = UNet(4, 1, upsampling="bilinear").up[0].up
    x = torch.randn(1, 16, 3, 5)
    enlarged = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
    with torch.no_grad():
        torch.testing.assert_close(up(x), up[0](enlarged))


def test_a_separable_block_sees_all_colours_of_a_photo_together():
    first = BLOCKS["separable"](3, 8).change[0]
    assert (first.kernel_size, first.groups, first.out_channels) == ((3, 3), 1, 8)
    assert BLOCKS["separable"](8, 16).change[0].groups == 8
