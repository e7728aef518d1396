"""Class shares of a video over time."""

from __future__ import annotations

import numpy as np

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures.video import MAX_LINES, shares_over_time


def test_largest_classes_and_confidence_have_lines() -> None:
    random = np.random.default_rng(2)
    shares = random.random((5, 19)) * np.arange(19)
    seconds, confidence = np.arange(5) / 12, 100 * random.random(5)
    *lines, below = shares_over_time(seconds, shares, confidence).data
    assert [line.name for line in lines] == [CLASS_NAMES[place] for place in np.argsort(-shares.sum(0))[:MAX_LINES]]
    for line in lines:
        assert np.array_equal(line.x, seconds)
        assert np.array_equal(line.y, shares[:, CLASS_NAMES.index(line.name)])
    assert np.array_equal(below.y, confidence)
    assert below.yaxis != lines[0].yaxis


def test_lines_have_official_colours_and_absent_classes_are_left_out() -> None:
    shares = np.zeros((100, 19))
    shares[:, 0] = 100
    line, _ = shares_over_time(np.arange(100) / 12, shares, np.zeros(100)).data
    assert (line.name, line.mode) == ("road", "lines")
    assert line.line.color == "rgb({},{},{})".format(*PALETTE[0])
