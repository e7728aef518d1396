from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.comparison.comparability import (
    Basis,
    class_table,
    differences,
    differing_settings,
    group_comparable,
    obstacles,
)
from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError
from cityseg.metrics import summarize

STAMP = {"fingerprint": "aaa", "size": [64, 128], "label_policy": "official"}


def summary(seed: int, **stamp: object) -> dict:
    matrices = np.random.default_rng(seed).integers(0, 50, (3, 19, 19))
    matrices[:, 16, :] = 0  # no train anywhere
    matrices[:, :, 16] = 0
    return {**summarize(matrices), **STAMP, **stamp}


def test_same_basis_is_comparable() -> None:
    assert obstacles(Basis.of(STAMP, "test"), Basis.of(STAMP, "test")) == ()


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"fingerprint": "bbb"}, "different frames or annotations"),
        (
            {"size": [128, 256]},
            "different evaluation sizes (128 × 64 pixels and 256 × 128 pixels; cityseg evaluate",
        ),
        ({"size": None}, "different evaluation sizes (128 × 64 pixels and each label's own; cityseg evaluate measures"),
        ({"label_policy": "all 34"}, "different label policies (official and all 34)"),
    ],
)
def test_each_difference_is_named_in_words(changed: dict, word: str) -> None:
    (found,) = obstacles(Basis.of(STAMP, "test"), Basis.of({**STAMP, **changed}, "test"))
    assert word in found


def test_another_split_is_named_once_although_its_frames_differ_too() -> None:
    found = obstacles(Basis.of(STAMP, "val"), Basis.of({**STAMP, "fingerprint": "bbb"}, "test"))
    assert found == ("different splits (val and test)",)


def test_an_unrecorded_basis_is_never_comparable() -> None:
    assert obstacles(Basis.of({}, "test"), Basis.of({}, "test"))


def test_groups_hold_what_may_be_subtracted_largest_first() -> None:
    bases = {
        name: Basis.of({**STAMP, "size": size}, "test")
        for name, size in zip("abc", ([1, 2], [3, 4], [3, 4]), strict=True)
    }
    assert group_comparable(bases) == [("b", "c"), ("a",)]


def test_table_lines_up_classes_macro_and_support() -> None:
    first, second = summary(0), summary(1)
    table = class_table({"first": first, "second": second}, "iou")
    assert table.scores.shape == (19, 2)
    car = CLASS_NAMES.index("car")
    assert table.scores[car, 1] == second["per_class"]["car"]["iou"]
    assert table.macro[0] == first["macro"]["iou"]
    assert table.support[:, 0].sum() == pytest.approx(1)
    assert np.isnan(table.scores[CLASS_NAMES.index("train")]).all(), "absent is no score, not 0"


def test_table_refuses_an_unknown_metric() -> None:
    with pytest.raises(UsageError, match="unknown metric 'accuracy': expected one of precision, recall"):
        class_table({}, "accuracy")  # type: ignore[arg-type]


def test_results_of_other_sizes_have_no_differences() -> None:
    summaries = {"base": summary(0), "same": summary(1), "large": summary(2, size=[128, 256])}
    bases = {name: Basis.of(value, "test") for name, value in summaries.items()}
    table = class_table(summaries, "f1")
    compared = differences(table, bases, "base")
    assert compared.macro[1] == pytest.approx(table.macro[1] - table.macro[0])
    assert compared.scores[0, 1] == pytest.approx(table.scores[0, 1] - table.scores[0, 0])
    assert np.isnan(compared.scores[:, 2]).all()
    assert np.isnan(compared.macro[2])
    assert list(compared.obstacles) == ["large"]
    with pytest.raises(UsageError, match="unknown baseline 'other'"):
        differences(table, bases, "other")


def test_only_differing_settings_are_left() -> None:
    configs = {"a": {"depth": 2, "seed": 0}, "b": {"depth": 3, "seed": 0, "flip": True}}
    assert differing_settings(configs) == {"depth": (2, 3), "flip": (None, True)}
