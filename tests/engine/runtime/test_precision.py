from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from cityseg.engine.runtime.device import best_device
from cityseg.engine.runtime.precision import WidenedConvolutions, arithmetic
from cityseg.models import UNet

CPU = torch.device("cpu")
SHAPES = {
    # name: (frames, transposed, keyword arguments)
    "3x3": (3, False, {"padding": 1}),
    "more frames than a chunk": (35, False, {"padding": 1}),
    "strided and grouped": (2, False, {"stride": 2, "groups": 2, "dilation": 2, "padding": 2}),
    "transposed": (3, True, {"stride": 2}),
    "transposed, more frames than a chunk": (17, True, {"stride": 2, "output_padding": 1}),
    "no bias": (3, False, {"bias": None}),
}


def convolve(kind: str, dtype: torch.dtype) -> list[torch.Tensor]:
    """Output and the gradients of input, weight and bias, from the same bfloat16 numbers."""
    frames, transposed, settings = SHAPES[kind]
    random = torch.Generator().manual_seed(4)
    settings = dict(settings)
    groups = settings.get("groups", 1)
    x = torch.randn(frames, 4, 7, 9, generator=random).bfloat16()
    weight = torch.randn(*((4, 6) if transposed else (6, 4 // groups)), 3, 3, generator=random).bfloat16()
    bias = settings.pop("bias", torch.randn(6, generator=random).bfloat16())
    leaves = [tensor.to(dtype).requires_grad_() for tensor in (x, weight, bias) if tensor is not None]
    given = [*leaves, None][:3]
    output = (F.conv_transpose2d if transposed else F.conv2d)(*given, **settings)
    cotangent = torch.randn(output.shape, generator=random).bfloat16()
    output.backward(cotangent.to(dtype))
    return [output.detach(), *(leaf.grad for leaf in leaves)]


@pytest.mark.parametrize("kind", SHAPES)
def test_widened_equals_float32_rounded_once(kind):
    exact = convolve(kind, torch.float32)
    with WidenedConvolutions():
        widened = convolve(kind, torch.bfloat16)
    assert len(widened) == len(exact)
    for ours, theirs in zip(widened, exact, strict=True):
        assert ours.dtype == torch.bfloat16
        # One rounding to 8 significant bits; sums in another order may cross a rounding border.
        torch.testing.assert_close(ours.float(), theirs, rtol=2**-8 * 1.01, atol=1e-4)


@pytest.mark.parametrize("kind", SHAPES)
def test_widened_equals_pytorchs_own_bfloat16(kind):
    native = convolve(kind, torch.bfloat16)
    with WidenedConvolutions():
        widened = convolve(kind, torch.bfloat16)
    for ours, theirs in zip(widened, native, strict=True):
        assert ours.dtype == theirs.dtype
        difference = (ours.float() - theirs.float()).abs().max()
        assert difference <= 2**-6 * theirs.float().abs().max()


def test_other_types_and_operators_are_left_alone():
    exact = convolve("3x3", torch.float32)
    with WidenedConvolutions():
        for ours, theirs in zip(convolve("3x3", torch.float32), exact, strict=True):
            assert torch.equal(ours, theirs)
        assert (torch.ones(2, dtype=torch.bfloat16) + 1).dtype == torch.bfloat16


def logits(precision: str, *, training: bool) -> tuple[UNet, torch.Tensor]:
    torch.manual_seed(0)
    model = UNet(4, 1).train(training)
    photos = torch.rand(20, 3, 8, 16)
    if precision == "pure-bfloat16":
        model, photos = model.bfloat16(), photos.bfloat16()
    with torch.set_grad_enabled(training), arithmetic(precision, CPU):
        output = model(photos)
        if training:
            output.float().square().mean().backward()
    return model, output.detach()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("precision", ["bfloat16", "pure-bfloat16"])
def test_bfloat16_logits_are_close_to_float32(precision, training):
    model, output = logits(precision, training=training)
    exact_model, exact = logits("float32", training=training)
    assert output.dtype == torch.bfloat16
    assert exact.dtype == torch.float32
    assert (output.float() - exact).abs().mean() < 0.02 * exact.abs().mean()
    kept = torch.bfloat16 if precision == "pure-bfloat16" else torch.float32
    for parameter, other in zip(model.parameters(), exact_model.parameters(), strict=True):
        assert parameter.dtype == kept
        if training and parameter.ndim == 4:
            assert parameter.grad.dtype == kept
            similarity = F.cosine_similarity(parameter.grad.float().flatten(), other.grad.flatten(), dim=0)
            assert similarity > 0.99


def test_arithmetic_ends_with_its_block():
    with arithmetic("bfloat16", CPU):
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")
    assert UNet(2, 0)(torch.rand(2, 3, 8, 8)).dtype == torch.float32


def test_tf32_is_disabled_on_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert best_device() == CPU
    assert torch.backends.cudnn.allow_tf32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device() == torch.device("cuda")
    assert not torch.backends.cudnn.allow_tf32
