from __future__ import annotations

import itertools
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


def test_written_values_do_not_overlap() -> None:
    values = [index / 40 for index in range(41)]
    found = axis("F1", values, [f"{value:.3f}" for value in values])
    places = [place for place, _ in found.ticks]
    assert places[0] == 0.0
    assert places[-1] == 1.0
    # A letter is 7 of the 560 pixels of the narrowest axis.
    assert min(b - a for a, b in itertools.pairwise(places)) >= 5 * 7 / 560
    assert len(places) > 6
    names = [f"a-long-name-of-a-preset-{index}" for index in range(8)]
    written = axis("Preset", names, names).ticks
    assert all(len(text) <= 20 for _, text in written)
    assert len(written) < 5
    close = axis("F1", [0.0, 0.03, 0.5, 0.97, 1.0], ["a", "b", "c", "d", "e"])
    assert [text for _, text in close.ticks] == ["a", "c", "e"], "written values do not overlap"
    assert axis("F1", [0.4, 0.4], ["0.4", "0.4"]).ticks == ((0.5, "0.4"),)
