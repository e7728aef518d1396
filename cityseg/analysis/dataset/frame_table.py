"""Every frame of a dataset in one table, and which of them a question leaves over, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cityseg.classes import CLASS_NAMES
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared.statistics import SplitStatistics

Match = Literal["all", "any"]

NAME, DARKEST, BRIGHTEST, RANDOM = "name", "darkest first", "brightest first", "random"
_MOST = "most "
ORDERS: tuple[str, ...] = (NAME, RANDOM, DARKEST, BRIGHTEST, *(f"{_MOST}{name}" for name in CLASS_NAMES))
"""The orders that ``select`` knows."""

FULL_BRIGHTNESS = (0, 100)


@dataclass(frozen=True)
class Catalogue:
    """The counted frames of all splits.

    Attributes:
        names: (N) frames, split after split, each in its own order.
        splits: (N) split of each frame.
        cities: (N) city of each frame.
        pixels: (N, 19) int64 pixels of each class in each frame.
        void: (N,) int64 pixels that are not scored.
        brightness: (N,) float64 mean grey level of each photo in per cent of white.
    """

    names: tuple[str, ...]
    splits: np.ndarray
    cities: np.ndarray
    pixels: np.ndarray
    void: np.ndarray
    brightness: np.ndarray

    @classmethod
    def of(cls, counted: Mapping[Split, SplitStatistics]) -> Catalogue:
        """Put the statistics of a dataset's splits one after the other."""
        parts = counted.values()
        return cls(
            tuple(name for part in parts for name in part.frames),
            np.array([split for split, part in counted.items() for _ in part.frames]),
            np.array([city for part in parts for city in part.cities]),
            np.concatenate([part.pixels for part in parts]),
            np.concatenate([part.void for part in parts]),
            np.concatenate([part.brightness for part in parts]) / 2.55,
        )

    @property
    def share(self) -> np.ndarray:
        """(N, 19) share of each class among the frame's labelled pixels."""
        return self.pixels / np.maximum(1, self.pixels.sum(1, keepdims=True))


@dataclass(frozen=True)
class Query:
    """Which frames are asked for; the default asks for all of them.

    Attributes:
        splits: any of these; empty for all.
        cities: any of these; empty for all.
        classes: names of classes that the frame holds.
        match: whether all of ``classes`` have to be there, or any.
        least: per cent of a frame's labelled pixels that a class must reach to be there; 0 for one pixel.
        brightness: lowest and highest mean grey level in per cent of white, both included.
        order: one of ``ORDERS``.
        seed: shuffles the random order.
    """

    splits: tuple[Split, ...] = ()
    cities: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    match: Match = "all"
    least: float = 0.0
    brightness: tuple[int, int] = FULL_BRIGHTNESS
    order: str = NAME
    seed: int = 0


def select(catalogue: Catalogue, query: Query) -> np.ndarray:
    """Return the (K,) positions of the frames that fit a query, in its order; equals stay in the catalogue's."""
    fits = np.ones(len(catalogue.names), bool)
    if query.splits:
        fits &= np.isin(catalogue.splits, query.splits)
    if query.cities:
        fits &= np.isin(catalogue.cities, query.cities)
    if query.classes:
        columns = [CLASS_NAMES.index(name) for name in query.classes]
        there = (catalogue.pixels[:, columns] > 0) & (100 * catalogue.share[:, columns] >= query.least)
        fits &= there.all(1) if query.match == "all" else there.any(1)
    if query.brightness != FULL_BRIGHTNESS:
        low, high = query.brightness
        fits &= (catalogue.brightness >= low) & (catalogue.brightness <= high)
    found = np.flatnonzero(fits)
    return found[_order(catalogue, found, query)]


def _order(catalogue: Catalogue, found: np.ndarray, query: Query) -> np.ndarray:
    if query.order == RANDOM:
        # Shuffling all frames keeps a frame's place among the others when a filter changes.
        ranks = np.random.default_rng(query.seed).permutation(len(catalogue.names))
        return np.argsort(ranks[found])
    if query.order in (DARKEST, BRIGHTEST):
        brightness = catalogue.brightness[found]
        return np.argsort(brightness if query.order == DARKEST else -brightness, kind="stable")
    if (name := class_of_order(query.order)) is not None:
        return np.argsort(-catalogue.share[found, CLASS_NAMES.index(name)], kind="stable")
    return np.argsort([catalogue.names[index] for index in found], kind="stable")


def most(name: str) -> str:
    """Return the order that puts the frames with the largest share of a class first."""
    return f"{_MOST}{name}"


def class_of_order(order: str) -> str | None:
    """Return the class by whose share an order sorts, or None."""
    return order.removeprefix(_MOST) if order.startswith(_MOST) else None


def widenings(catalogue: Catalogue, query: Query) -> list[tuple[str, Query, int]]:
    """Return what can be given up so that frames are found: in words, as a query, with the number of frames.

    Each gives up one thing; those that still find nothing are left out, and the least loss comes first. Where no
    single one helps, the only answer is to give up everything.
    """
    ways: list[tuple[str, Query]] = []
    if query.classes and query.least:
        ways.append(("any share of the classes", replace(query, least=0.0)))
    if len(query.classes) > 1 and query.match == "all":
        ways.append(("any one of the classes", replace(query, match="any")))
    if query.classes:
        ways.append(("all classes", replace(query, classes=(), least=0.0)))
    if query.brightness != FULL_BRIGHTNESS:
        ways.append(("any brightness", replace(query, brightness=FULL_BRIGHTNESS)))
    if query.cities:
        ways.append(("all cities", replace(query, cities=())))
    if query.splits:
        ways.append(("all splits", replace(query, splits=())))
    counted = [(words, way, len(select(catalogue, way))) for words, way in ways]
    helpful = sorted((way for way in counted if way[2]), key=lambda way: way[2])
    everything = Query(order=query.order, seed=query.seed)
    return helpful or [("everything", everything, len(catalogue.names))]
