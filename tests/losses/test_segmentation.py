from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.losses import LovaszLoss
from sklearn.metrics import jaccard_score

from cityseg.losses.class_weights import class_weights
from cityseg.losses.dice import soft_dice_loss
from cityseg.losses.lovasz import lovasz_softmax_loss
from cityseg.losses.segmentation import SegmentationLoss


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
    assert value.item() == 0
    assert logits.grad.abs().max() == 0


def test_bytes_and_bfloat16_are_widened():
    logits, labels = batch()
    rounded = logits.bfloat16()
    value = SegmentationLoss(None, 1.0)(rounded, labels.byte())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, SegmentationLoss(None, 1.0)(rounded.float(), labels))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [1, 4, 19])
def test_lovasz_softmax_is_segmentation_models_pytorchs(seed, classes):
    logits, labels = batch(seed, classes)
    logits.requires_grad_()
    expected = LovaszLoss("multiclass", per_image=False, ignore_index=255)(logits, labels)
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    value = lovasz_softmax_loss(logits, labels)
    (gradient,) = torch.autograd.grad(value, logits)
    torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-6, rtol=1e-4)


def test_lovasz_softmax_of_a_sure_prediction_is_one_minus_iou():
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (2, 8, 8), generator=random)
    predicted = torch.randint(0, 3, (2, 8, 8), generator=random)
    sure = F.one_hot(predicted, 19).permute(0, 3, 1, 2) * 100.0
    iou = jaccard_score(labels.flatten(), predicted.flatten(), average="macro")
    assert float(lovasz_softmax_loss(sure, labels)) == pytest.approx(1 - iou, abs=1e-5)


@pytest.mark.parametrize("smoothing", [0.05, 0.3])
def test_label_smoothing_is_torchs(smoothing):
    logits, labels = batch()
    weights = torch.linspace(1.5, 10, 19)
    expected = F.cross_entropy(logits, labels, weights, ignore_index=255, label_smoothing=smoothing)
    torch.testing.assert_close(SegmentationLoss(weights, label_smoothing=smoothing)(logits, labels), expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_follows_its_definition(weighted, gamma):
    logits, labels = batch()
    weights = torch.linspace(1.5, 10, 19) if weighted else None
    p = logits.double().softmax(1).numpy()
    total = mass = 0.0
    for frame, row, column in np.argwhere(labels.numpy() != 255):
        truth = int(labels[frame, row, column])
        p_t = p[frame, truth, row, column]
        weight = float(weights[truth]) if weights is not None else 1.0
        total += -weight * (1 - p_t) ** gamma * np.log(p_t)
        mass += weight
    value = SegmentationLoss(weights, focal_gamma=gamma)(logits, labels)
    assert float(value) == pytest.approx(total / mass, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_a_sure_pixel_has_a_slope_under_a_focal_loss(gamma):
    _, labels = batch()
    sure = (F.one_hot(labels.where(labels != 255, 0), 19).permute(0, 3, 1, 2) * 40.0).requires_grad_()
    SegmentationLoss(None, focal_gamma=gamma)(sure, labels).backward()
    assert sure.grad.isfinite().all()
    assert sure.grad.abs().max() < 1e-3


def test_weights_of_the_terms():
    logits, labels = batch()
    loss = SegmentationLoss(None, 0.5, cross_entropy_weight=2, lovasz_weight=0.25)
    expected = (
        2 * F.cross_entropy(logits, labels, ignore_index=255)
        + 0.5 * soft_dice_loss(logits, labels)
        + 0.25 * lovasz_softmax_loss(logits, labels)
    )
    torch.testing.assert_close(loss(logits, labels), expected)
    only_dice = SegmentationLoss(None, 1.0, cross_entropy_weight=0)
    torch.testing.assert_close(only_dice(logits, labels), soft_dice_loss(logits, labels))


@pytest.mark.parametrize(
    "terms", [{"lovasz_weight": 1.0}, {"focal_gamma": 2.0}, {"label_smoothing": 0.1, "dice_weight": 1.0}]
)
def test_void_alone_has_no_loss_under_any_term(terms):
    logits = torch.randn(1, 19, 4, 4, requires_grad=True)
    value = SegmentationLoss(torch.ones(19), **terms)(logits, torch.full((1, 4, 4), 255))
    value.backward()
    assert value.item() == 0
    assert logits.grad.abs().max() == 0


def test_class_weights():
    share = np.array([0.5, 0.25, 0.125, 0.125, *[0.0] * 15])
    assert class_weights("none", share) is None
    assert class_weights("median", 0 * share) is None
    log = class_weights("log", share)
    assert log.dtype == torch.float32
    np.testing.assert_allclose(log.numpy(), 1 / np.log(1.1 + share), rtol=1e-6)
    assert log[18] == pytest.approx(10.4921, abs=1e-3)
    median = class_weights("median", share)
    np.testing.assert_allclose(median[:4], [0.375, 0.75, 1.5, 1.5], rtol=1e-6)
    root = class_weights("inverse-root", share)
    assert float(root[:4].mean()) == pytest.approx(1)
    assert float(root[2] / root[0]) == pytest.approx(2)
    assert median[4:].sum() == root[4:].sum() == 0
