from __future__ import annotations

import numpy as np
import pytest

from cityseg.figures.dataset.cooccurrence import conditional, cooccurrence_heatmap


@pytest.fixture
def counts():
    """1,000 frames with road, 500 of them with cars, one of those with a train; nothing else."""
    counts = np.zeros((19, 19), int)
    counts[0, 0] = 1000
    counts[13, 13] = counts[0, 13] = counts[13, 0] = 500
    counts[16, 16] = counts[0, 16] = counts[16, 0] = counts[13, 16] = counts[16, 13] = 1
    return counts


def test_rows_are_conditional_shares(counts):
    shares = conditional(counts)
    assert (shares[0, 13], shares[13, 0]) == (0.5, 1.0)
    assert shares[13, 16] == pytest.approx(1 / 500)
    assert np.isnan(shares[5]).all()


def test_every_cell_has_its_counts_and_can_be_clicked(counts):
    cells, clicks = cooccurrence_heatmap(counts).data
    assert cells.z[0][13] == 50
    assert [cells.text[0][16], cells.text[0][13], cells.text[13][0], cells.text[5][0]] == ["<1", "50", "100", ""]
    said = {(row, column): (both, alone) for row, column, both, alone in clicks.customdata}
    assert said["road", "car"] == (500, 1000)
    assert said["train", "car"] == (1, 1)
    assert ("pole", "car") not in said
    place = [tuple(data[:2]) for data in clicks.customdata].index(("road", "car"))
    assert (clicks.x[place], clicks.y[place]) == (13, 0)


def test_shares_near_0_and_100_are_not_rounded_to_them():
    counts = np.zeros((19, 19), int)
    counts[0, 0], counts[1, 1] = 1000, 999
    counts[0, 1] = counts[1, 0] = 999
    assert cooccurrence_heatmap(counts, dark=True).data[0].text[0][1] == ">99"
