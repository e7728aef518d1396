"""Several looks at a photo against a plain account in numpy: every resizing as a product of two matrices."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import torch
from torch import nn

from cityseg.errors import UsageError
from cityseg.models import UNet, tta
from cityseg.models.baselines import Baseline
from cityseg.models.tta import augmented, parse_scales, scaled_sizes

SIZE = (32, 64)
LOOKED_AT = {0.75: (24, 48), 1: SIZE, 1.25: (40, 80)}
FRAMES = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return UNet(4, 1).eval()


def weights(after: int, before: int, reach: float) -> np.ndarray:
    """Weigh each of ``before`` pixels by its nearness to each of ``after`` ones, none at ``reach`` pixels or more."""
    places = (np.arange(after)[:, None] + 0.5) * before / after
    near = np.maximum(0, 1 - np.abs(places - np.arange(before) - 0.5) / reach)
    return near / near.sum(1, keepdims=True)


def resized(maps: np.ndarray, size: tuple[int, int], *, smooth: bool) -> np.ndarray:
    """Resize (..., h, w); ``smooth`` lets a pixel of a smaller picture stand for all that it covers."""
    sides = zip(size, maps.shape[-2:], strict=True)
    down, across = (weights(new, old, max(1, old / new) if smooth else 1) for new, old in sides)
    return down @ maps @ across.T


def expected(network: nn.Module, scales: tuple[float, ...], *, flip: bool) -> np.ndarray:
    answers = []
    for scale in scales:
        photos = resized(FRAMES.double().numpy(), LOOKED_AT[scale], smooth=True)
        for way in (1, -1) if flip else (1,):
            with torch.no_grad():
                logits = network(torch.from_numpy(photos[..., ::way].astype(np.float32)))
            answers.append(resized(logits.double().numpy()[..., ::way], SIZE, smooth=False))
    return np.mean(answers, axis=0)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scales", [(1,), (0.75,), (1.25,), (0.75, 1, 1.25), (1.25, 0.75)])
def test_logits_are_the_mean_over_all_passes(network, scales, flip):
    with torch.no_grad():
        found = augmented(network, SIZE, scales, flip=flip)(FRAMES)
    assert found.shape == (2, 19, *SIZE)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected(network, scales, flip=flip), atol=2e-5)


def test_every_augmentation_changes_the_logits(network):
    """Or the test above would pass with any of them in place of another."""
    ways = [(scales, flip) for scales in ((1,), (0.75,), (0.75, 1, 1.25)) for flip in (False, True)]
    with torch.no_grad():
        found = [augmented(network, SIZE, scales, flip=flip)(FRAMES) for scales, flip in ways]
    for place, one in enumerate(found):
        assert all((one - other).abs().max() > 1e-3 for other in found[:place])


@pytest.mark.parametrize(("scale", "photos"), [(1, [5]), (0.5, [5]), (2, [1] * 5), (1.25, [3, 2])])
def test_no_pass_holds_more_pixels_than_a_plain_one(network, scale, photos):
    seen = []
    hook = network.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    x = torch.randn(5, 3, 32, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = augmented(network, (32, 64), (scale,))(x)
        hook.remove()
        assert seen == photos
        one_by_one = torch.cat([augmented(network, (32, 64), (scale,))(photo[None]) for photo in x])
    torch.testing.assert_close(found, one_by_one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scales", [(1,), (1.0,), [1.0]])
def test_no_augmentation_returns_the_network_itself(network, scales):
    assert augmented(network, SIZE, scales) is network


def test_flip_alone_equals_half_the_sum_bitwise(network):
    with torch.no_grad():
        both = (network(FRAMES) + network(FRAMES.flip(-1)).flip(-1)) / 2
        assert torch.equal(augmented(network, SIZE, flip=True)(FRAMES), both)


def test_an_evaluation_leaves_the_networks_mode_as_it_was(network):
    looking = augmented(network, SIZE, (0.75, 1), flip=True)
    assert not looking.training
    looking.train()
    assert network.training
    looking.eval()
    assert not network.training


@pytest.mark.parametrize(
    ("model", "size", "scale", "expected"),
    [
        (UNet(2, 3), (64, 128), 0.75, (48, 96)),
        (UNet(2, 3), (64, 128), 1.3, (80, 160)),
        (UNet(2, 1, stem=4), (64, 128), 0.8, (48, 96)),
        (Baseline(nn.Conv2d(3, 19, 1), 32, nn.Module.__call__), (64, 128), 1.25, (96, 160)),
        (Baseline(nn.Conv2d(3, 19, 1), 32, nn.Module.__call__), (64, 128), 0.75, (64, 96)),
        (UNet(2, 3), (36, 50), 1, (36, 50)),
        (UNet(2, 3), (36, 50), 2, (80, 96)),
        (nn.Conv2d(3, 19, 1), (5, 7), 1, (5, 7)),
    ],
)
def test_sizes_are_multiples_that_the_network_takes(model, size, scale, expected):
    assert scaled_sizes(model, size, (scale,)) == (expected,)


BOUNDS = "expected scales from 0.25 to 4, found {}; 1 is the model's own size, for example 0.75,1,1.25"


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ((), "expected 1 to 8 scales, found 0; for example 0.75,1,1.25"),
        (tuple(np.linspace(1, 3, 9)), "expected 1 to 8 scales, found 9; for example 0.75,1,1.25"),
        ((1, 0), BOUNDS.format("0")),
        ((-0.5,), BOUNDS.format("-0.5")),
        ((0.24,), BOUNDS.format("0.24")),
        ((4.1,), BOUNDS.format("4.1")),
        ((float("nan"),), BOUNDS.format("nan")),
        ((float("inf"),), BOUNDS.format("inf")),
        ((0.5, 1, 0.5), "expected different scales, found 0.5 twice; omit one of them"),
        (
            (1, 1.25, 1.3),
            "expected scales that differ in size, found 1.25 and 1.3, which both round to 48x80 pixels for this model; "
            "omit one of them",
        ),
        (
            (1, 0.45),
            "expected scales that leave this model at least 16 pixels on each side, found 0.45, which makes 14x29 of "
            "32x64; use scales of 0.5 or more",
        ),
    ],
)
def test_invalid_scales_are_refused(scales, words):
    with pytest.raises(UsageError) as refused:
        augmented(UNet(2, 3), SIZE, scales)
    assert str(refused.value) == words


def test_the_remedy_is_one():
    model = UNet(2, 3)
    with pytest.raises(UsageError, match=r"use scales of 0\.34 or more"):
        scaled_sizes(model, (48, 96), (0.33,))
    assert scaled_sizes(model, (48, 96), (0.34,)) == ((16, 32),)


def test_a_network_of_one_size_is_shown_no_other():
    with pytest.raises(UsageError) as refused:
        augmented(nn.Conv2d(3, 19, 1), (24, 44), (1, 0.75))
    assert str(refused.value) == (
        "expected scale 1 alone for a model that accepts 24x44 pixels only, found 0.75; omit the scales"
    )


@pytest.mark.parametrize("text", ["", "1,", "one", "0.75;1", "1,,1.25"])
def test_words_that_are_no_scales_are_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_scales(text)
    assert str(refused.value) == (
        f"expected comma-separated numbers as scales, found {text!r}; for example 0.75,1,1.25"
    )


def test_the_examples_hold():
    assert doctest.testmod(tta).attempted >= 3
    assert not doctest.testmod(tta).failed
