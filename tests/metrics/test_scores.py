from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from cityscapesscripts.helpers.labels import labels as official_labels
from ignite.engine import Engine
from ignite.metrics import ConfusionMatrix
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, precision_recall_fscore_support

from cityseg import metrics
from cityseg.classes import CATEGORIES, CLASS_NAMES, CLASSES
from cityseg.metrics.frame_confusion import FrameConfusionMatrix


def frames(kind: str, count: int = 3, size: tuple[int, int] = (17, 23)) -> tuple[np.ndarray, np.ndarray]:
    """(truth, prediction), each (N, H, W) uint8, for one of the edge cases."""
    random = np.random.default_rng(sum(kind.encode()))
    shape = (count, *size)
    truth = random.integers(0, 19, shape)
    predicted = np.where(random.random(shape) < 0.6, truth, random.integers(0, 19, shape))
    if kind == "void":
        truth[random.random(shape) < 0.3] = 255
    elif kind == "absent":
        truth[np.isin(truth, [3, 12, 18])] = 0
        predicted[np.isin(predicted, [3, 12])] = 1
        truth[truth == 7] = 8  # predicted only
        predicted[predicted == 9] = 10  # truth only
    elif kind == "one class":
        truth[:], predicted[:] = 13, 13
    elif kind == "one class, missed":
        truth[:], predicted[:] = 13, 14
    elif kind == "one void frame":
        truth[1] = 255
    return truth.astype(np.uint8), predicted.astype(np.uint8)


KINDS = ["all", "void", "absent", "one class", "one class, missed", "one void frame"]


def counted(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per-frame matrices, and the scored pixels of all frames as flat truth and prediction."""
    truth, predicted = frames(kind)
    matrices = metrics.frame_confusions(torch.from_numpy(truth), torch.from_numpy(predicted)).numpy()
    scored = truth != 255
    return matrices, truth[scored], predicted[scored]


@pytest.mark.parametrize("kind", KINDS)
def test_frame_confusions_equal_scikit_learn(kind):
    truth, predicted = frames(kind)
    matrices = metrics.frame_confusions(torch.from_numpy(truth), torch.from_numpy(predicted))
    assert matrices.shape == (3, 19, 19)
    assert matrices.dtype == torch.int64
    for matrix, rows, columns in zip(matrices.numpy(), truth, predicted, strict=True):
        scored = rows != 255
        expected = np.zeros((19, 19), int)
        if scored.any():
            expected = confusion_matrix(rows[scored], columns[scored], labels=range(19))
        np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_class_scores_equal_scikit_learn(kind):
    matrices, truth, predicted = counted(kind)
    scores = metrics.class_scores(matrices.sum(0))
    occurring = sorted(set(truth) | set(predicted))
    expected = precision_recall_fscore_support(truth, predicted, labels=occurring, zero_division=0)
    for ours, theirs in zip((scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True):
        np.testing.assert_allclose(ours[occurring], theirs, rtol=1e-12)
    np.testing.assert_allclose(
        scores.iou[occurring],
        jaccard_score(truth, predicted, labels=occurring, average=None, zero_division=0),
        rtol=1e-12,
    )
    np.testing.assert_array_equal(scores.dice, scores.f1)
    absent = sorted(set(range(19)) - set(occurring))
    for metric in metrics.METRICS:
        assert np.isnan(getattr(scores, metric)[absent]).all()
    assert not scores.support[absent].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_averages_equal_scikit_learn(kind, average):
    matrices, truth, predicted = counted(kind)
    summary = metrics.summarize(matrices)[average]
    occurring = sorted(set(truth) | set(predicted))
    *expected, _ = precision_recall_fscore_support(truth, predicted, labels=occurring, average=average, zero_division=0)
    for metric, value in zip(("precision", "recall", "f1"), expected, strict=True):
        assert summary[metric] == pytest.approx(value, abs=1e-9)
    iou = jaccard_score(truth, predicted, labels=occurring, average=average, zero_division=0)
    assert summary["iou"] == pytest.approx(iou, abs=1e-9)
    assert summary["dice"] == summary["f1"]


@pytest.mark.parametrize("kind", KINDS)
def test_class_and_category_iou_equal_the_official_evaluation(kind):
    matrices, _, _ = counted(kind)
    total = matrices.sum(0)
    ids = [label.id for label in CLASSES]
    by_id = np.zeros((34, 34), dtype=np.ulonglong)
    by_id[np.ix_(ids, ids)] = total
    arguments = SimpleNamespace(evalLabels=[label.id for label in official_labels if label.id >= 0])
    summary = metrics.summarize(matrices)
    scores = {}
    for name in CATEGORIES:
        expected = scores[name] = official.getIouScoreForCategory(name, by_id, arguments)
        ours = summary["per_category"][name]
        assert (ours is None and np.isnan(expected)) or ours == pytest.approx(expected, abs=1e-9)
    assert summary["category_iou"] == pytest.approx(official.getScoreAverage(scores, arguments), abs=1e-9)
    for label in CLASSES:
        expected = official.getIouScoreForLabel(label.id, by_id, arguments)
        ours = summary["per_class"][label.name]["iou"]
        assert (ours is None and np.isnan(expected)) or ours == pytest.approx(expected, abs=1e-9)


def test_pixel_accuracy_and_counts():
    matrices, truth, predicted = counted("void")
    summary = metrics.summarize(matrices)
    assert summary["pixel_accuracy"] == pytest.approx(accuracy_score(truth, predicted), abs=1e-9)
    assert (summary["frames"], summary["pixels"]) == (3, len(truth))


def test_samples_dice_by_hand():
    truth = torch.tensor([[[0, 0, 1, 1]], [[2, 2, 2, 255]], [[255, 255, 255, 255]]])
    predicted = torch.tensor([[[0, 0, 0, 1]], [[2, 2, 5, 5]], [[1, 1, 1, 1]]])
    # Frame 0: road 2*2/(2+3) = 0.8, sidewalk 2*1/(2+1) = 2/3. Frame 1: building 2*2/(3+2) = 0.8, pole 0.
    # Frame 2 is void alone and says nothing.
    by_hand = ((0.8 + 2 / 3) / 2 + (0.8 + 0) / 2) / 2
    matrices = metrics.frame_confusions(truth, predicted).numpy()
    assert metrics.scores.samples_dice(matrices) == pytest.approx(by_hand, rel=1e-12)
    assert metrics.summarize(matrices)["samples_dice"] == pytest.approx(by_hand, abs=1e-9)


def test_a_missed_class_scores_zero_and_an_absent_one_nan():
    matrix = np.zeros((19, 19), int)
    matrix[0, 0], matrix[0, 4], matrix[6, 0] = 90, 5, 5
    summary = metrics.summarize(matrix[None])
    assert summary["per_class"]["traffic light"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "dice": 0.0,
        "iou": 0.0,
        "support": 5,
    }
    assert summary["per_class"]["fence"]["f1"] == 0.0
    assert summary["per_class"]["fence"]["support"] == 0
    assert summary["per_class"]["sky"] == {**dict.fromkeys(metrics.METRICS), "support": 0}
    assert summary["macro"]["iou"] == pytest.approx(90 / 100 / 3, abs=1e-9)
    assert summary["classes_above_zero"] == 1


@pytest.mark.parametrize("matrices", [np.zeros((0, 19, 19), np.int64), np.zeros((2, 19, 19), np.int64)])
def test_no_labelled_pixels_give_nan(matrices, recwarn):
    summary = metrics.summarize(matrices)
    assert (summary["frames"], summary["pixels"], summary["classes_above_zero"]) == (len(matrices), 0, 0)
    for figure in ("samples_dice", "pixel_accuracy", "category_iou"):
        assert summary[figure] is None
    for average in ("macro", "weighted"):
        assert set(summary[average].values()) == {None}
    json.dumps(summary, allow_nan=False)
    assert not recwarn


@pytest.mark.parametrize("kind", KINDS)
def test_summaries_are_json(kind):
    summary = metrics.summarize(counted(kind)[0])
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert list(summary["per_class"]) == list(CLASS_NAMES)


def test_the_matrix_equals_that_of_ignite():
    random = torch.Generator().manual_seed(5)
    ours, theirs = FrameConfusionMatrix(), ConfusionMatrix(num_classes=19)
    matrices = []
    for count in (2, 3):
        logits = torch.randn(count, 19, 8, 9, generator=random)
        truth = torch.randint(0, 19, (count, 8, 9), generator=random)
        truth[torch.rand(truth.shape, generator=random) < 0.2] = 255
        ours.update((logits, truth))
        theirs.update((logits, truth))
        matrices.append(metrics.frame_confusions(truth, logits.argmax(1)))
    torch.testing.assert_close(ours.compute(), theirs.compute(), rtol=0, atol=0, check_dtype=False)
    np.testing.assert_array_equal(ours.per_frame(), torch.cat(matrices).numpy())
    ours.reset()
    assert ours.per_frame().shape == (0, 19, 19)


def test_most_probable_equals_argmax():
    random = torch.Generator().manual_seed(3)
    for shape in ((2, 19, 5, 7), (1, 1, 3, 3), (3, 2, 1, 4)):
        # Few different values, so that several classes are often equally probable.
        logits = torch.randint(-2, 3, shape, generator=random).float()
        for tensor in (logits, logits.to(memory_format=torch.channels_last), logits.bfloat16()):
            found = metrics.most_probable(tensor)
            assert found.dtype == torch.uint8
            assert torch.equal(found.long(), logits.argmax(1))


def test_nan_logits_give_a_valid_class():
    logits = torch.zeros(1, 19, 2, 2)
    logits[0, 4, 0, 0] = float("nan")
    logits[0, 5, 0, 1] = float("inf")
    found = metrics.most_probable(logits)
    assert int(found.max()) < 19
    assert int(found[0, 0, 1]) == 5


def test_the_metric_attaches_to_an_engine():
    truth, predicted = (torch.from_numpy(values) for values in frames("void", count=6))
    engine = Engine(lambda engine, rows: (predicted[rows], truth[rows]))
    matrix = FrameConfusionMatrix()
    matrix.attach(engine, "confusion")
    for _ in range(2):  # a second run starts from nothing
        state = engine.run([slice(0, 4), slice(4, 6)])
        scored = truth != 255
        expected = confusion_matrix(truth[scored], predicted[scored], labels=range(19))
        np.testing.assert_array_equal(state.metrics["confusion"].numpy(), expected)
        assert matrix.per_frame().shape == (6, 19, 19)
        np.testing.assert_array_equal(matrix.per_frame().sum(0), expected)
