"""What a browser says about a click in the matrix is checked."""

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
def test_only_cells_off_the_diagonal_are_clicks(value, cell):
    assert confusion_matrix._cell(value) == cell
