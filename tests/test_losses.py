from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cityseg.losses import SegmentationLoss, log_class_weights, soft_dice_loss


def batch(seed: int = 0, classes: int = 19, void: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 19, 6, 7, generator=random) * 3
    labels = torch.randint(0, classes, (3, 6, 7), generator=random)
    labels[torch.rand(labels.shape, generator=random) < void] = 255
    return logits, labels


def plain_soft_dice(logits: np.ndarray, labels: np.ndarray) -> float:
    """The definition, class by class and in float64."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    probabilities = exponentials / exponentials.sum(1, keepdims=True)
    scored = labels != 255
    dice = []
    for index in range(logits.shape[1]):
        truth = (labels == index)[scored].astype(float)
        if truth.sum():
            probability = probabilities[:, index][scored]
            dice.append(2 * (probability * truth).sum() / (probability.sum() + truth.sum()))
    return 1 - float(np.mean(dice))


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_torchs_weighted_mean(weighted):
    logits, labels = batch()
    weights = torch.linspace(1.5, 10, 19) if weighted else None
    expected = F.cross_entropy(logits, labels, weights, ignore_index=255)
    torch.testing.assert_close(SegmentationLoss(weights)(logits, labels), expected)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [1, 4, 19])
def test_soft_dice_follows_its_definition(seed, classes):
    logits, labels = batch(seed, classes)
    expected = plain_soft_dice(logits.numpy(), labels.numpy())
    assert float(soft_dice_loss(logits, labels)) == pytest.approx(expected, rel=1e-5)


def test_soft_dice_of_a_sure_and_right_prediction_is_zero_and_of_a_wrong_one_is_one():
    _, labels = batch()
    sure = F.one_hot(labels.where(labels != 255, 0), 19).permute(0, 3, 1, 2) * 100.0
    assert float(soft_dice_loss(sure, labels)) == pytest.approx(0, abs=1e-6)
    assert float(soft_dice_loss(sure.roll(1, 1), labels)) == pytest.approx(1, abs=1e-6)


def test_the_two_losses_add_up():
    logits, labels = batch()
    weights = torch.linspace(1.5, 10, 19)
    expected = SegmentationLoss(weights)(logits, labels) + 0.5 * soft_dice_loss(logits, labels)
    torch.testing.assert_close(SegmentationLoss(weights, 0.5)(logits, labels), expected)


def test_void_pixels_change_nothing():
    logits, labels = batch()
    loss = SegmentationLoss(torch.linspace(1.5, 10, 19), 1.0)
    other = logits.where(labels[:, None] != 255, 50 * torch.ones(()))
    torch.testing.assert_close(loss(other, labels), loss(logits, labels))


@pytest.mark.parametrize("weights", [None, torch.ones(19)])
def test_a_batch_of_void_alone_has_no_loss_and_no_gradient(weights):
    logits = torch.randn(2, 19, 4, 4, requires_grad=True)
    labels = torch.full((2, 4, 4), 255)
    assert SegmentationLoss(weights)(logits, labels).item() == 0
    value = SegmentationLoss(weights, 1.0)(logits, labels)
    value.backward()
    assert torch.isfinite(value)
    assert logits.grad.abs().max() == 0


def test_bytes_and_bfloat16_are_widened():
    logits, labels = batch()
    rounded = logits.bfloat16()
    value = SegmentationLoss(None, 1.0)(rounded, labels.byte())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, SegmentationLoss(None, 1.0)(rounded.float(), labels))


def test_class_weights():
    share = np.linspace(0, 0.9, 19)
    weights = log_class_weights(share)
    assert weights.dtype == torch.float32
    np.testing.assert_allclose(weights.numpy(), 1 / np.log(1.1 + share), rtol=1e-6)
    assert weights[0] == pytest.approx(10.4921, abs=1e-3)
