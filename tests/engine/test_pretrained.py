"""Learning from a teacher: its probabilities, the loss they make, and a run that has them for its only truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cityseg import api, checkpoint
from cityseg.api.training.create_run import new_run
from cityseg.classes import IGNORE_INDEX
from cityseg.config import build
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.pretrained import Teacher, drop_doubtful_labels
from cityseg.engine.step import make_train_step
from cityseg.errors import UsageError
from cityseg.losses.distillation import distillation_loss
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import UNet
from cityseg.runs import find_run


class Brightness(nn.Module):
    """Calls a pixel class 1 by how bright it is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        others = torch.full_like(x[:, :1], -50).expand(-1, 17, -1, -1)
        return torch.cat([torch.zeros_like(x[:, :1]), 5 * x[:, :1], others], 1)


@pytest.mark.parametrize("size", [(8, 16), (4, 8), (16, 32)])
def test_teacher_predicts_at_its_own_size_and_resizes_to_the_frames(size):
    photos = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8))
    teacher = Teacher(Brightness(), (8, 16), Normalization.named("none"))
    answer = teacher.probabilities(photos)
    assert (answer.shape, answer.dtype) == ((2, 19, *size), torch.float32)
    torch.testing.assert_close(answer.sum(1), torch.ones(2, *size))
    x = photos[..., 0].numpy() / 255
    if size == (16, 32):
        x = x.reshape(2, 8, 2, 16, 2).mean((2, 4))
    if size == (4, 8):
        x = F.interpolate(torch.from_numpy(x)[:, None], (8, 16), mode="bilinear")[:, 0].numpy()
    bright = 1 / (1 + np.exp(-5 * x))
    if size == (4, 8):
        bright = bright.reshape(2, 4, 2, 8, 2).mean((2, 4))
    found = answer[:, 1].numpy()
    if size == (16, 32):
        # Enlarged bilinearly, the mean of each block's middle stays near what was answered there.
        assert np.abs(found.reshape(2, 8, 2, 16, 2).mean((2, 4)) - bright).mean() < 0.05
    else:
        np.testing.assert_allclose(found, bright, atol=1e-5)


def test_cross_entropy_of_labels_equals_that_of_pytorch():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 19, 4, 5), torch.randint(0, 19, (2, 4, 5))
    sure = F.one_hot(labels, 19).permute(0, 3, 1, 2).float()
    weights = torch.rand(19) + 0.5
    for weight in (None, weights):
        torch.testing.assert_close(distillation_loss(logits, sure, weight), F.cross_entropy(logits, labels, weight))
    soft = torch.randn(2, 19, 4, 5).softmax(1)
    torch.testing.assert_close(distillation_loss(logits, soft), F.cross_entropy(logits, soft))


def test_the_teacher_decides_its_share_of_the_loss():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 19, 4, 5), torch.randint(0, 19, (2, 4, 5))
    teacher_targets = torch.randn(2, 19, 4, 5).softmax(1)
    own = SegmentationLoss(dice_weight=1.0)(logits, labels)
    expected = 0.7 * own + 0.3 * F.cross_entropy(logits, teacher_targets)
    distilled = SegmentationLoss(dice_weight=1.0, teacher_weight=0.3)
    torch.testing.assert_close(distilled(logits, labels, teacher_targets), expected)
    torch.testing.assert_close(distilled(logits, labels), own)


def test_labels_that_the_teacher_finds_improbable_become_void():
    random = np.random.default_rng(0)
    labels = random.choice([*range(19), IGNORE_INDEX], (2, 6, 8)).astype(np.uint8)
    probabilities = random.dirichlet(np.full(19, 0.3), (2, 6, 8)).transpose(0, 3, 1, 2).astype(np.float32)
    expected = labels.copy()
    for place in np.ndindex(labels.shape):
        frame, row, column = place
        if labels[place] != IGNORE_INDEX and probabilities[frame, labels[place], row, column] < 0.02:
            expected[place] = IGNORE_INDEX
    given = torch.from_numpy(labels)
    kept = drop_doubtful_labels(given, torch.from_numpy(probabilities), 0.02)
    assert kept.dtype == torch.uint8
    assert (kept.numpy() == expected).all()
    assert (given.numpy() == labels).all()
    assert 0 < (expected != labels).sum() < (labels != IGNORE_INDEX).sum()


class Remembering(nn.Module):
    """A loss that keeps what it was asked."""

    def forward(self, logits, labels, teacher_targets=None):
        self.labels, self.teacher_targets = labels, teacher_targets
        return logits.sum()


@pytest.mark.parametrize("weight", [0, 0.5])
def test_labels_doubted_by_the_teacher_become_void(tiny, cached_split, weight):
    settings = tiny(teacher="bright", teacher_weight=weight, label_doubt=0.2, normalization="none", flip=False)
    source = cached_split(frames=2, size=(8, 16))
    source.labels[:] = np.random.default_rng(0).integers(0, 2, source.labels.shape)
    split = DeviceSplit(source, torch.device("cpu"))
    teacher = Teacher(Brightness(), (8, 16), Normalization.named("none"))
    model, loss = UNet(2, 0), Remembering()
    step = make_train_step(settings, model, loss, torch.optim.SGD(model.parameters(), 0.1), split, teacher=teacher)
    step(torch.arange(2), 1, 0)
    bright = 1 / (1 + np.exp(-5 * (split.photos[..., 0].numpy() / 255)))
    probability = np.where(split.labels.numpy() == 1, bright, 1 - bright)
    expected = np.where(probability < 0.2, IGNORE_INDEX, split.labels.numpy())
    assert (loss.labels.numpy() == expected).all()
    assert {0, 1, IGNORE_INDEX} == set(np.unique(expected))
    assert (loss.teacher_targets is None) == (weight == 0)


def test_run_learns_from_its_teacher_instead_of_the_labels(tiny, workplace, streets):
    recipe = build({"start_channels": 4, "depth": 1, "image_size": (32, 64)})
    torch.manual_seed(0)
    model = build_model_that_says_sky()
    card = checkpoint.ModelCard(
        "unet", {"start_channels": 4, "depth": 1}, recipe.image_size, Normalization.named("imagenet"), 0, "nothing"
    )
    checkpoint.save(workplace / "wise", model, card)
    config = tiny(teacher="wise", teacher_weight=1, learning_rate=0.1, epochs=6, half_size_epochs=0)
    new_run(config, str(streets), "pupil")
    (workplace / "wise" / checkpoint.CARD).unlink()
    assert api.train(None, resume="pupil").state == "finished"
    # The last epoch: "best" is by the labels, of which it learns nothing.
    counted = find_run("pupil").confusions("val", "last").matrices.sum((0, 1))
    assert counted.argmax() == 10
    assert counted[10] / counted.sum() > 0.9
    with pytest.raises(UsageError, match="unknown model 'nobody': expected a run id"):
        new_run(tiny(teacher="nobody"), str(streets), "refused")


def build_model_that_says_sky() -> nn.Module:
    """Return a small U-Net whose last layer calls everything sky."""
    model = UNet(4, 1).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.nn.functional.one_hot(torch.tensor(10), 19) * 12.0)
    return model
