"""Train ids in files that are named as label ids."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.classes import to_train_ids


@pytest.fixture
def numbered(copy):
    """A copy of the synthetic dataset whose train split holds train ids, and its labels."""
    paths = sorted((copy / "gtFine" / "train").rglob("*_labelIds.png"), key=lambda path: path.name)
    for path in paths:
        Image.fromarray(to_train_ids(np.asarray(Image.open(path)))).save(path)
    return copy, paths


def warning(paths, count):
    return (
        f"{paths[0]}: expected label ids 0 to 33, found no value above 18 but 255 in the {count} labels of train, as "
        "in train ids; use the official *_gtFine_labelIds.png files, or end the names in _labelTrainIds.png if these "
        "are train ids"
    )


def test_train_ids_are_reported_by_verify_and_prepare(numbered, cityseg, caplog):
    root, paths = numbered
    (problem,) = api.verify(str(root)).problems
    assert (problem.kind, problem.split, problem.path) == ("train ids", "train", str(paths[0]))
    assert problem.message == warning(paths, 7)
    answer = cityseg("data", "prepare", "--data", root, "--size", "16x32", "--json")
    assert answer.code == 0
    warnings = {split: part["warnings"] for split, part in json.loads(answer.out).items()}
    assert warnings == {"train": [warning(paths, 7)], "val": [], "test": []}
    # Also once it is prepared.
    caplog.clear()
    api.prepare(str(root), (16, 32))
    assert [record.getMessage() for record in caplog.records] == [warning(paths, 7)]


def test_one_larger_value_shows_label_ids(numbered):
    root, paths = numbered
    values = np.array(Image.open(paths[-1]))
    values[0, 0] = 26
    Image.fromarray(values).save(paths[-1])
    assert api.verify(str(root)).problems == ()


def test_unreadable_labels_do_not_count(numbered):
    root, paths = numbered
    paths[3].write_bytes(b"damaged")
    assert warning(paths, 6) in [problem.message for problem in api.verify(str(root)).problems]


def test_own_numbering_may_be_small(described):
    assert api.verify(str(described())).problems == ()
