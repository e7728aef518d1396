"""The fused loss compared with PyTorch's cross-entropy, the plain soft Dice and their autograd gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from cityseg import api
from cityseg.losses import segmentation
from cityseg.losses.ce_dice import cross_entropy_and_dice
from cityseg.losses.dice import soft_dice_loss
from cityseg.losses.segmentation import SegmentationLoss

WEIGHTS = torch.linspace(1.5, 10, 19)


def batch(
    classes: int = 19, void: float = 0.3, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 19, 5, 6, generator=random, dtype=dtype) * 2
    labels = torch.randint(0, classes, (2, 5, 6), generator=random)
    labels[torch.rand(labels.shape, generator=random) < void] = 255
    return logits, labels


def apart(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    return 0.7 * F.cross_entropy(logits, labels, weights, ignore_index=255) + 1.6 * soft_dice_loss(logits, labels)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("classes", [1, 3, 19])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_value_and_slope_are_those_of_both_losses(weights, classes, memory):
    logits, labels = batch(classes)
    ours, theirs = (logits.clone(memory_format=memory).requires_grad_() for _ in range(2))
    found, expected = cross_entropy_and_dice(ours, labels, weights, 0.7, 1.6), apart(theirs, labels, weights)
    torch.testing.assert_close(found, expected)
    (3 * found).backward()
    (3 * expected).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("weights", [None, WEIGHTS.double()], ids=["alike", "weighted"])
def test_the_slope_is_that_of_small_differences(weights):
    logits, labels = batch(classes=4, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: cross_entropy_and_dice(x, labels, weights, 0.7, 1.6), logits.requires_grad_()
    )


def test_a_class_with_less_than_a_pixel_has_the_slope_of_the_plain_loss():
    """Its Dice coefficient is divided by 1, whatever the network says."""
    logits = torch.full((1, 19, 1, 1), -3.0).requires_grad_()
    twin = logits.detach().clone().requires_grad_()
    labels = torch.zeros(1, 1, 1, dtype=torch.int64)
    cross_entropy_and_dice(logits, labels, None, 0.7, 1.6).backward()
    apart(twin, labels, None).backward()
    torch.testing.assert_close(logits.grad, twin.grad)


def test_void_alone_has_no_loss_and_no_gradient():
    logits, labels = batch(void=1.0)
    logits.requires_grad_()
    loss = cross_entropy_and_dice(logits, labels, WEIGHTS, 0.7, 1.6)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_autocast_does_not_round_it():
    logits, labels = batch()
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = SegmentationLoss(WEIGHTS, 1.0)(ours, labels)
        rounded.backward()
    exact = SegmentationLoss(WEIGHTS, 1.0)(theirs, labels)
    exact.backward()
    assert torch.equal(rounded, exact)
    assert torch.equal(ours.grad, theirs.grad)


def test_training_takes_the_loss_in_one_pass(workplace, streets, tiny, monkeypatch):
    slopes = []

    def noted(logits, *rest):
        slopes.append(logits.requires_grad)
        return cross_entropy_and_dice(logits, *rest)

    monkeypatch.setattr(segmentation, "cross_entropy_and_dice", noted)
    api.train(tiny(epochs=1, half_size_epochs=0), str(streets), name="one-pass")
    assert sum(slopes) == 4  # 7 frames in batches of 2
