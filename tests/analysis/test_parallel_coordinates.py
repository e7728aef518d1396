from __future__ import annotations

import math

import pytest

from cityseg.analysis.parallel_coordinates import axis


def test_numbers_keep_their_distances() -> None:
    found = axis("Depth", [2, 3, 6, None], ["2", "3", "6", "–"])
    assert found.places == (0.0, 0.25, 1.0, None)
    assert found.ticks == ((0.0, "2"), (0.25, "3"), (1.0, "6"))


def test_large_ratios_are_logarithmic_and_zero_is_not() -> None:
    found = axis("Learning rate", [1e-4, 1e-3, 1e-2], ["a", "b", "c"])
    assert found.places == pytest.approx((0.0, math.log(10) / math.log(100), 1.0))
    assert axis("Weight", [0.0, 1.0, 100.0], ["0", "1", "100"]).places == (0.0, 0.01, 1.0)


def test_words_and_switches_are_spaced_evenly() -> None:
    assert axis("Optimiser", ["sgd", "adam", "adamw"], ["sgd", "adam", "adamw"]).places == (1.0, 0.0, 0.5)
    assert axis("Flip", [True, False], ["yes", "no"]).ticks == ((0.0, "no"), (1.0, "yes"))
    assert axis("Network", ["unet", "unet"], ["unet", "unet"]).places == (0.5, 0.5)


def test_many_numbers_are_written_at_the_ends_and_the_middle() -> None:
    values = [0.0, 0.1, 0.2, 0.3, 0.45, 0.8, 1.0]
    found = axis("F1", values, [f"{value:.1f}" for value in values])
    assert [place for place, _ in found.ticks] == [0.0, 0.45, 1.0]
    close = axis("F1", [0.0, 0.05, 0.5, 0.95, 1.0], ["a", "b", "c", "d", "e"])
    assert [text for _, text in close.ticks] == ["a", "c", "e"], "written values do not overlap"
    assert axis("F1", [0.4, 0.4], ["0.4", "0.4"]).ticks == ((0.5, "0.4"),)
