from __future__ import annotations

import numpy as np
import pytest

from cityseg.classes import COLOR_BLIND_PALETTE
from cityseg.figures.dataset.classes import class_frequencies, class_shares, imbalance, percent, rarest_first


@pytest.mark.parametrize(
    ("share", "text"), [(0.3294, "32.9"), (0.0123, "1.2"), (0.000034, "0.0034"), (0.0, None), (float("nan"), None)]
)
def test_shares_keep_two_digits(share: float, text: str | None) -> None:
    assert percent(share) == (f"{text}\u00a0%" if text else "–")


def test_absent_class_has_no_mark_and_no_imbalance() -> None:
    share = np.zeros(19)
    share[[0, 5]] = 0.9, 0.1
    assert imbalance(share) == (pytest.approx(9.0), 0, 5)
    assert imbalance(np.zeros(19)) is None
    figure = class_shares({"train": share}, rarest_first({"train": share}))
    plotted = [value for trace in figure.data if trace.mode == "markers" for value in trace.x if value is not None]
    assert sorted(plotted) == [0.1, 0.9]
    bars = class_frequencies({"train": (share > 0) * 4}, {"train": 8}, [0, 5, 1]).data[0]
    assert list(bars.x) == [4, 4, 0]


def test_marks_take_their_colours_from_the_palette() -> None:
    share = np.full(19, 1 / 19)
    marks = class_shares({"val": share}, [0, 5], COLOR_BLIND_PALETTE).data[-1]
    assert list(marks.marker.color) == ["rgba(68, 68, 68, 1)", "rgba(221, 221, 221, 1)"]
    assert marks.marker.symbol == "diamond"
