from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix

from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.evaluate import EVALUATION_BATCH, evaluate
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import UNet

NORMALIZATION = Normalization.named("imagenet")
FRAMES = EVALUATION_BATCH + 5


@pytest.fixture
def split(cached_split):
    return DeviceSplit(cached_split(frames=FRAMES, size=(8, 12)), torch.device("cpu"))


@pytest.fixture
def model():
    torch.manual_seed(2)
    return UNet(4, 1)


def logits(model: UNet, split: DeviceSplit) -> torch.Tensor:
    """Frame by frame, in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(NORMALIZATION.apply(photo[None])) for photo in split.photos])


def expect_matrices(found: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> None:
    assert found.shape == (len(truth), 19, 19)
    for matrix, rows, columns in zip(found, truth, predicted, strict=True):
        scored = rows != 255
        np.testing.assert_array_equal(matrix, confusion_matrix(rows[scored], columns[scored], labels=range(19)))


def test_one_matrix_per_frame(model, split):
    predicted = logits(model, split).argmax(1)
    result = evaluate(model, split, NORMALIZATION)
    expect_matrices(result.confusions, split.labels.numpy(), predicted.numpy())
    assert result.loss is None
    assert result.kept.shape == (0, 8, 12)


def test_kept_frames_and_progress(model, split):
    predicted = logits(model, split).argmax(1)
    keep = (0, EVALUATION_BATCH - 1, EVALUATION_BATCH, FRAMES - 1)
    progress: list[tuple[int, int]] = []
    result = evaluate(model, split, NORMALIZATION, keep=keep, on_progress=lambda *counts: progress.append(counts))
    assert result.kept.dtype == np.uint8
    np.testing.assert_array_equal(result.kept, predicted[list(keep)].numpy())
    assert progress == [(EVALUATION_BATCH, FRAMES), (FRAMES, FRAMES)]


def test_the_loss_is_the_mean_over_batches(model, split):
    loss = SegmentationLoss(None, 0.0)
    outputs = logits(model, split)
    expected = [
        F.cross_entropy(part, truth.long(), ignore_index=255)
        for part, truth in zip(outputs.split(EVALUATION_BATCH), split.labels.split(EVALUATION_BATCH), strict=True)
    ]
    result = evaluate(model, split, NORMALIZATION, loss=loss)
    assert result.loss == pytest.approx(float(torch.stack(expected).mean()), rel=1e-5)


def test_truth_of_another_size(model, split):
    """Each frame is scored at its own label's size: the resized probabilities decide."""
    sizes = [(20, 30), (64, 40), tuple(split.labels.shape[1:]), (9, 51)]
    random = np.random.default_rng(0)
    truth = [random.integers(0, 19, sizes[index % len(sizes)], dtype=np.uint8) for index in range(FRAMES)]
    result = evaluate(model, split, NORMALIZATION, truth=truth, keep=(1,), detailed=True)
    for probabilities, labels, matrix in zip(logits(model, split).softmax(1), truth, result.confusions, strict=True):
        resized = F.interpolate(probabilities[None], size=labels.shape, mode="bilinear")[0]
        expect_matrices(matrix[None], labels[None], resized.argmax(0).numpy()[None])
    assert result.kept.shape == (1, *split.labels.shape[1:]), "kept predictions have the model's size"
    assert result.detail.calibration[..., 0].sum() == sum(labels.size for labels in truth)


def test_truth_of_the_models_own_size_changes_nothing(model, split):
    own, same = (evaluate(model, split, NORMALIZATION, truth=truth) for truth in (None, split.labels.numpy()))
    np.testing.assert_array_equal(own.confusions, same.confusions)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_unchanged(model, split, training):
    model.train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, split, NORMALIZATION)
    assert model.training is training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("precision", ["bfloat16", "pure-bfloat16"])
def test_bfloat16_passes_agree_with_float32_on_most_pixels(model, split, precision):
    exact = evaluate(model, split, NORMALIZATION, keep=tuple(range(FRAMES))).kept
    if precision == "pure-bfloat16":
        model.bfloat16()
    rounded = evaluate(model, split, NORMALIZATION, precision=precision, keep=tuple(range(FRAMES)))
    assert (rounded.kept == exact).mean() > 0.9
    assert rounded.confusions.sum() == (split.labels != 255).sum()
