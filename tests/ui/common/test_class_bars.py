"""Class bars, read back from their HTML."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cityseg.classes import COLOR_BLIND_PALETTE
from cityseg.ui.common.class_bars import share_bars


def test_classes_are_listed_largest_first_with_their_usual_share() -> None:
    pixels, usual = np.zeros(19, int), np.zeros(19)
    pixels[[13, 0]] = 30, 10
    usual[[13, 0, 5]] = 0.25, 0.5, 0.25
    html = share_bars(pixels, usual)
    assert re.findall(r'title="([^"]+)"', html) == [
        "car: 75.0\u00a0% of this frame, usually 25.0\u00a0%",
        "road: 25.0\u00a0% of this frame, usually 50.0\u00a0%",
    ]
    assert [float(width) for width in re.findall(r"width:([\d.]+)%", html)] == pytest.approx([100, 100 / 3], abs=0.01)
    assert [float(left) for left in re.findall(r"left:calc\(([\d.]+)%", html)] == pytest.approx(
        [100 / 3, 200 / 3], abs=0.01
    )


def test_bars_have_the_chosen_colours() -> None:
    pixels = np.eye(19, dtype=int)[5]
    assert "background:rgba(221, 221, 221, 1)" in share_bars(pixels, np.zeros(19), COLOR_BLIND_PALETTE)


def test_frame_without_labels_has_no_bars() -> None:
    assert "<li" not in share_bars(np.zeros(19, int), np.full(19, np.nan))
