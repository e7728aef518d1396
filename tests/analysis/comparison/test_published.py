from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.comparison.published import TABLES
from cityseg.classes import CLASS_NAMES


def test_the_published_means_are_those_of_19_rows_one_of_them_unlabelled() -> None:
    """Class figures are published with three decimals, so their mean meets the published one to within 0.0005."""
    for table in TABLES:
        for metric in ("precision", "recall", "f1"):
            rows = [table.score(name, metric) for name in CLASS_NAMES]
            assert rows.count(None) == 1
            assert np.sum([row for row in rows if row is not None]) / 19 == pytest.approx(table.mean(metric), abs=5e-4)


def test_dice_is_f1_and_iou_was_not_published() -> None:
    assert TABLES[2].score("car", "dice") == TABLES[2].score("car", "f1") == 0.747
    assert TABLES[0].score("car", "iou") is None
    assert TABLES[0].mean("iou") is None
    assert [table.mean("dice") for table in TABLES] == [0.180893, 0.205045, 0.256289]
