"""Near duplicates of a dataset described: whether they cross a split, and how close their names are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.analysis.dataset.embedding import Pairs

_SAME = 0.99
"""Similarity from which frames of different cities count as the same photo."""


@dataclass(frozen=True)
class Duplicate:
    """Two similar frames, by their positions in the set."""

    first: int
    second: int
    similarity: float  # cosine of their features, at most 1
    crosses: bool  # whether they are in different splits
    leak: bool  # whether a model may have learned or been selected by one frame and be tested on the same scene
    apart: int | None  # places apart in the list of their city's frames by name; None for frames of different cities


def describe(pairs: Pairs, names: tuple[str, ...], splits: np.ndarray, cities: np.ndarray) -> list[Duplicate]:
    """Describe pairs of frames, given the (N,) names, splits and cities of all frames.

    Frames of one recording are consecutive by name, so a small ``apart`` is a pair of the same sequence. Without cities
    (empty names) all frames are one list. A pair across splits is a leak unless the frames are of different cities,
    where two streets look alike; from a similarity of 0.99 on it is one nevertheless.
    """
    place = np.zeros(len(names), np.int64)
    place[sorted(range(len(names)), key=lambda index: (cities[index], names[index]))] = np.arange(len(names))
    described = []
    for first, second, similarity in zip(*(part.tolist() for part in pairs[:3]), strict=True):
        crosses = bool(splits[first] != splits[second])
        apart = int(abs(place[first] - place[second])) if cities[first] == cities[second] else None
        leak = crosses and (apart is not None or similarity >= _SAME)
        described.append(Duplicate(first, second, similarity, crosses, leak, apart))
    return described


def relation(pair: Duplicate) -> str:
    """Return in words how two frames are related by name."""
    if pair.apart is None:
        return "different cities"
    return "consecutive frames" if pair.apart == 1 else f"{pair.apart:,} frames apart"
