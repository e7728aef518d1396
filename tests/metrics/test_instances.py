"""Class, category and instance-level scores against the official scripts."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from PIL import Image

from cityseg import classes
from cityseg.classes import CATEGORIES, CLASS_NAMES
from cityseg.errors import DataError
from cityseg.metrics import class_scores, frame_confusions
from cityseg.metrics.instances import InstanceCounts, category_instance_iou, instance_counts, instance_iou
from cityseg.metrics.scores import category_confusion

PERSON, RIDER, CAR, CARAVAN = 24, 25, 26, 29


@pytest.fixture(autouse=True)
def older_numpy(monkeypatch):
    """The official scripts use a removed name of ``np.isin``."""
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)


def official_scores(folder: Path, label_ids: np.ndarray, instance_ids: np.ndarray, predicted: np.ndarray) -> dict:
    """Write (N, H, W) maps as files and let the official scripts score them."""
    truths, predictions = [], []
    for number, (ids, instances, train_ids) in enumerate(zip(label_ids, instance_ids, predicted, strict=True)):
        truths.append(folder / f"town_{number:06}_000000_gtFine_labelIds.png")
        predictions.append(folder / f"town_{number:06}_000000_predicted.png")
        Image.fromarray(ids.astype(np.uint8)).save(truths[-1])
        Image.fromarray(instances.astype(np.uint16)).save(str(truths[-1]).replace("labelIds", "instanceIds"))
        Image.fromarray(classes.to_label_ids(train_ids)).save(predictions[-1])
    official.args.quiet, official.args.JSONOutput, official.args.evalInstLevelScore = True, False, True
    with contextlib.redirect_stdout(io.StringIO()):
        return official.evaluateImgLists([*map(str, predictions)], [*map(str, truths)], official.args)


def ours(label_ids: np.ndarray, instance_ids: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, InstanceCounts]:
    truth = np.stack([classes.to_train_ids(ids.astype(np.uint8)) for ids in label_ids])
    confusion = frame_confusions(torch.from_numpy(truth), torch.from_numpy(predicted)).sum(0).numpy()
    counts = InstanceCounts.none()
    for instances, train_ids in zip(instance_ids, predicted, strict=True):
        counts += instance_counts(instances, train_ids)
    return confusion, counts


def expect_official(theirs: dict, confusion: np.ndarray, counts: InstanceCounts) -> None:
    wanted = {
        "classScores": dict(zip(CLASS_NAMES, class_scores(confusion).iou, strict=True)),
        "categoryScores": dict(zip(CATEGORIES, class_scores(category_confusion(confusion)).iou, strict=True)),
        "classInstScores": dict(zip(CLASS_NAMES, instance_iou(confusion, counts), strict=True)),
        "categoryInstScores": dict(zip(CATEGORIES, category_instance_iou(confusion, counts), strict=True)),
    }
    for kind, values in wanted.items():
        for name, value in values.items():
            np.testing.assert_allclose(value, theirs[kind][name], rtol=0, atol=1e-9, err_msg=f"{kind} of {name}")


def scene(seed: int, count: int = 3, size: tuple[int, int] = (40, 60)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blocks of labels with instances, groups and unevaluated objects, and a noisy prediction."""
    random = np.random.default_rng(seed)
    shape = (count, *size)
    label_ids = np.kron(random.choice([0, 7, 8, 11, 21, 23], (count, 8, 10)), np.ones((5, 6), int))
    instance_ids = label_ids.copy()
    for frame in range(count):
        for number in range(12):
            label = int(random.choice([PERSON, RIDER, CAR, CARAVAN, 27, 28, 31, 33]))
            row, column = random.integers(0, size[0] - 8), random.integers(0, size[1] - 8)
            box = (frame, slice(row, row + random.integers(1, 8)), slice(column, column + random.integers(1, 8)))
            label_ids[box] = label
            instance_ids[box] = label if number % 5 == 0 else label * 1000 + number
    truth = np.stack([classes.to_train_ids(ids.astype(np.uint8)) for ids in label_ids])
    guesses = random.choice([0, 1, 10, 11, 12, 13, 14, 18], shape)
    predicted = np.where((truth == 255) | (random.random(shape) < 0.4), guesses, truth).astype(np.uint8)
    return label_ids, instance_ids, predicted


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_the_official_ones(tmp_path, seed):
    maps = scene(seed)
    expect_official(official_scores(tmp_path, *maps), *ours(*maps))


@pytest.mark.parametrize("predicted", [0, 13])
def test_one_class_only(tmp_path, predicted):
    label_ids = np.full((1, 6, 8), CAR)
    maps = label_ids, label_ids * 1000 + 1, np.full((1, 6, 8), predicted, np.uint8)
    expect_official(official_scores(tmp_path, *maps), *ours(*maps))


def test_void_only(tmp_path):
    maps = np.zeros((1, 6, 8), int), np.zeros((1, 6, 8), int), np.full((1, 6, 8), 13, np.uint8)
    confusion, counts = ours(*maps)
    expect_official(official_scores(tmp_path, *maps), confusion, counts)
    assert np.isnan(instance_iou(confusion, counts)).all()


def test_a_small_instance_weighs_as_much_as_a_large_one():
    instance_ids = np.full((10, 20), PERSON * 1000)
    instance_ids[:, 19] = PERSON * 1000 + 1
    predicted = np.full((10, 20), 11, np.uint8)
    predicted[:, 19] = 0  # the small one is missed
    counts = instance_counts(instance_ids, predicted)
    confusion = np.zeros((19, 19), np.int64)
    confusion[11, 11], confusion[11, 0] = 190, 10
    assert class_scores(confusion).iou[11] == pytest.approx(0.95)
    assert instance_iou(confusion, counts)[11] == pytest.approx(0.5)


def test_an_unknown_label_is_an_error():
    with pytest.raises(DataError, match=r"instance ids: expected label ids 0 to 33, found 40"):
        instance_counts(np.full((2, 2), 40_000), np.zeros((2, 2), np.uint8))
