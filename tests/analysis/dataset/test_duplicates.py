from __future__ import annotations

import numpy as np

from cityseg.analysis.dataset.duplicates import describe, relation
from cityseg.analysis.dataset.embedding import Pairs

NAMES = ("ulm_000001", "ulm_000002", "bonn_000001", "ulm_000003", "bonn_000002")
SPLITS = np.array(["train", "train", "train", "val", "test"])
CITIES = np.array(["ulm", "ulm", "bonn", "ulm", "bonn"])


def pairs(*found: tuple[int, int, float]) -> Pairs:
    first, second, similarity = zip(*found, strict=True)
    return Pairs(np.array(first), np.array(second), np.array(similarity), len(found))


def test_neighbours_of_a_sequence_and_leaks():
    listed = describe(pairs((0, 1, 0.98), (0, 3, 0.97), (1, 3, 0.97), (2, 4, 0.96)), NAMES, SPLITS, CITIES)
    assert [pair.apart for pair in listed] == [1, 2, 1, 1]
    assert [pair.crosses for pair in listed] == [False, True, True, True]
    assert [pair.leak for pair in listed] == [False, True, True, True]
    assert [relation(pair) for pair in listed[:2]] == ["consecutive frames", "2 frames apart"]


def test_frames_of_different_cities_leak_only_if_they_are_the_same():
    alike, same = describe(pairs((0, 4, 0.97), (0, 4, 0.995)), NAMES, SPLITS, CITIES)
    assert (alike.apart, alike.crosses, alike.leak) == (None, True, False)
    assert (same.apart, same.crosses, same.leak) == (None, True, True)
    assert relation(alike) == "different cities"
    (within,) = describe(pairs((0, 2, 0.995)), NAMES, SPLITS, CITIES)
    assert not within.leak


def test_without_cities_all_frames_are_one_list():
    (pair,) = describe(pairs((0, 4, 0.97)), NAMES, SPLITS, np.full(5, ""))
    assert (pair.apart, pair.leak) == (1, True)  # bonn_000002 and ulm_000001 are neighbours by name
