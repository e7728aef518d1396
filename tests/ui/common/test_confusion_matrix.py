"""Validation of clicks that the browser reports."""

from __future__ import annotations

import pytest

from cityseg.ui.common import confusion_matrix


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ([12, 11], (12, 11)),
        ([12.0, 0], (12, 0)),
        ([3, 3], None),
        ([19, 0], None),
        ([0, -1], None),
        ([1], None),
        (["1", "2"], None),
        ({"truth": 1}, None),
        (None, None),
    ],
)
def test_only_off_diagonal_cells_are_accepted(value, cell):
    assert confusion_matrix._cell(value) == cell
