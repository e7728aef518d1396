"""Rankings by a measure in words, against scikit-learn on the pixels themselves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from cityseg.analysis.errors import ranking_metric
from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError

SCORERS = {
    "F1": f1_score,
    "Dice": f1_score,
    "IoU": jaccard_score,
    "precision": precision_score,
    "recall": recall_score,
}


@pytest.fixture(scope="module")
def frames() -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and prediction of 9 frames, 60 pixels each, of few classes."""
    rng = np.random.default_rng(3)
    made = []
    for _ in range(9):
        truth = rng.choice(rng.integers(0, 19, 4), 60)
        made.append((truth, np.where(rng.random(60) < 0.4, rng.integers(0, 19, 60), truth)))
    return made


@pytest.fixture(scope="module")
def matrices(frames: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    counts = np.zeros((len(frames), 19, 19), np.int64)
    for index, (truth, predicted) in enumerate(frames):
        np.add.at(counts[index], (truth, predicted), 1)
    return counts


@pytest.mark.parametrize(
    ("words", "metric"),
    [
        ("macro F1", "F1"),
        ("mean IoU", "IoU"),
        ("macro precision", "precision"),
        ("macro recall", "recall"),
        ("macro Dice", "Dice"),
    ],
)
def test_whole_frames(words, metric, frames, matrices):
    found = ranking_metric.rank(matrices, ranking_metric.parse_metric(words))
    expected = [SCORERS[metric](*frame, average="macro", zero_division=0) for frame in frames]
    np.testing.assert_allclose(found.values, expected)
    assert found.order.tolist() == sorted(range(len(frames)), key=lambda index: expected[index])
    assert found.pixels is None


def test_pixel_accuracy(frames, matrices):
    found = ranking_metric.rank(matrices, ranking_metric.parse_metric("pixel accuracy"))
    np.testing.assert_allclose(found.values, [accuracy_score(*frame) for frame in frames])


@pytest.mark.parametrize("metric", SCORERS)
def test_one_class(metric, frames, matrices):
    train_id = int(frames[0][0][0])
    found = ranking_metric.rank(matrices, ranking_metric.parse_metric(f"{metric} of {CLASS_NAMES[train_id]}"))
    scores, pixels = {}, {}
    for index, frame in enumerate(frames):
        pixels[index] = sum(train_id in pair for pair in zip(*frame, strict=True))
        if pixels[index]:
            scores[index] = SCORERS[metric](*frame, labels=[train_id], average="macro", zero_division=0)
    assert 1 < len(scores) < len(frames), "the class must be absent somewhere for this to show anything"
    assert found.order.tolist() == sorted(scores, key=lambda index: (scores[index], -pixels[index]))
    np.testing.assert_allclose([found.values[index] for index in scores], list(scores.values()))
    assert found.pixels is not None
    assert found.pixels.tolist() == [pixels[index] for index in range(len(frames))]


def test_a_confusion(frames, matrices):
    counted = {}
    for index, (truth, predicted) in enumerate(frames):
        for pair in zip(truth.tolist(), predicted.tolist(), strict=True):
            counted.setdefault(pair, [0] * len(frames))[index] += 1
    (truth, predicted), pixels = max(
        ((p, n) for p, n in counted.items() if p[0] != p[1]), key=lambda each: sum(each[1])
    )
    words = f"{CLASS_NAMES[truth]} predicted as {CLASS_NAMES[predicted]}"
    assert words == ranking_metric.confusion_name(truth, predicted)
    found = ranking_metric.rank(matrices, ranking_metric.parse_metric(words))
    expected = [index for index in sorted(range(len(frames)), key=lambda index: -pixels[index]) if pixels[index]]
    assert found.order.tolist() == expected
    assert found.values.tolist() == pixels


def test_every_metric_name_is_parsed(matrices):
    names = ranking_metric.metric_names(matrices.sum(0))
    assert len(names) == len(set(names))
    assert all(ranking_metric.parse_metric(name).name == name for name in names)
    wrong = matrices.sum(0)
    np.fill_diagonal(wrong, 0)
    assert sum(" predicted as " in name for name in names) == (wrong > 0).sum()
    present = (matrices.sum((0, 2)) > 0).sum()
    assert sum(" of " in name for name in names) == 5 * present


@pytest.mark.parametrize(
    "words", ["", "mIoU", "IoU of", "F2 of road", "IoU of cow", "road predicted as road", "road called"]
)
def test_unknown_metrics(words):
    with pytest.raises(UsageError) as refused:
        ranking_metric.parse_metric(words)
    assert str(refused.value) == (
        f"unknown metric {words!r}: expected one of macro F1, mean IoU, macro precision, macro recall, macro Dice, "
        'pixel accuracy, a class\'s score such as "IoU of person" (F1, IoU, precision, recall, Dice), or a confusion '
        'such as "rider predicted as person"'
    )
