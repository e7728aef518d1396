"""A table of all frames of a dataset, with filters and sort orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from cityseg.classes import CLASS_NAMES
from cityseg.data.dataset import Split
from cityseg.data.prepared.statistics import SplitStatistics

Match = Literal["all", "any"]

NAME, DARKEST, BRIGHTEST, RANDOM = "name", "darkest first", "brightest first", "random"
_MOST = "most "
ORDERS: tuple[str, ...] = (NAME, RANDOM, DARKEST, BRIGHTEST, *(f"{_MOST}{name}" for name in CLASS_NAMES))
"""The sort orders of ``select``."""

FULL_BRIGHTNESS = (0, 100)
_NO_TAGS: Mapping[tuple[Split, str], tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True)
class FrameTable:
    """The frames of all splits."""

    names: tuple[str, ...]  # (N) frames, split by split
    splits: np.ndarray  # (N) split of each frame
    cities: np.ndarray  # (N) city of each frame
    pixels: np.ndarray  # (N, 19) int64 pixels of each class in each frame
    void: np.ndarray  # (N,) int64 void pixels
    brightness: np.ndarray  # (N,) float64 mean grey level of each photo in per cent of white
    tags: tuple[tuple[str, ...], ...] = ()  # (N) tags of each frame; empty if no frame has any

    @classmethod
    def of(
        cls, counted: Mapping[Split, SplitStatistics], tags: Mapping[tuple[Split, str], tuple[str, ...]] = _NO_TAGS
    ) -> FrameTable:
        """Concatenate the statistics of a dataset's splits; ``tags`` are those of some frames, by split and name."""
        parts = counted.values()
        names = [(split, name) for split, part in counted.items() for name in part.frames]
        return cls(
            tuple(name for _, name in names),
            np.array([split for split, _ in names]),
            np.array([city for part in parts for city in part.cities]),
            np.concatenate([part.pixels for part in parts]),
            np.concatenate([part.void for part in parts]),
            np.concatenate([part.brightness for part in parts]) / 2.55,
            tuple(tags.get(name, ()) for name in names) if tags else (),
        )

    @property
    def share(self) -> np.ndarray:
        """(N, 19) share of each class among the frame's labelled pixels."""
        result: np.ndarray = self.pixels / np.maximum(1, self.pixels.sum(1, keepdims=True))
        return result


@dataclass(frozen=True)
class FrameFilter:
    """Filter and order of frames; the default selects all frames by name."""

    splits: tuple[Split, ...] = ()  # any of these; empty for all
    cities: tuple[str, ...] = ()  # any of these; empty for all
    classes: tuple[str, ...] = ()  # names of classes that the frame contains
    match: Match = "all"  # whether the frame has to contain all of `classes` or any of them
    min_area: float = 0.0  # per cent of a frame's labelled pixels that a class must cover; 0 for a single pixel
    brightness: tuple[int, int] = FULL_BRIGHTNESS  # lowest and highest mean grey level in per cent of white, inclusive
    tags: tuple[str, ...] = ()  # tags that the frame has, all of them
    order: str = NAME  # one of `ORDERS`
    seed: int = 0  # seed of the random order


def select(table: FrameTable, wanted: FrameFilter) -> np.ndarray:
    """Return the (K,) positions of the matching frames in the filter's order; ties keep the order of the table."""
    fits = np.ones(len(table.names), bool)
    if wanted.splits:
        fits &= np.isin(table.splits, wanted.splits)
    if wanted.cities:
        fits &= np.isin(table.cities, wanted.cities)
    if wanted.classes:
        columns = [CLASS_NAMES.index(name) for name in wanted.classes]
        present = (table.pixels[:, columns] > 0) & (100 * table.share[:, columns] >= wanted.min_area)
        fits &= present.all(1) if wanted.match == "all" else present.any(1)
    if wanted.brightness != FULL_BRIGHTNESS:
        low, high = wanted.brightness
        fits &= (table.brightness >= low) & (table.brightness <= high)
    if wanted.tags:
        fits &= np.array([set(wanted.tags) <= set(tags) for tags in table.tags or [()] * len(table.names)])
    found = np.flatnonzero(fits)
    result: np.ndarray = found[_order(table, found, wanted)]
    return result


def _order(table: FrameTable, found: np.ndarray, wanted: FrameFilter) -> np.ndarray:
    if wanted.order == RANDOM:
        # Shuffling all frames keeps the relative order when a filter changes.
        ranks = np.random.default_rng(wanted.seed).permutation(len(table.names))
        return np.argsort(ranks[found])
    if wanted.order in (DARKEST, BRIGHTEST):
        brightness = table.brightness[found]
        return np.argsort(brightness if wanted.order == DARKEST else -brightness, kind="stable")
    if (name := class_of_order(wanted.order)) is not None:
        return np.argsort(-table.share[found, CLASS_NAMES.index(name)], kind="stable")
    return np.argsort([table.names[index] for index in found], kind="stable")


def most_of(name: str) -> str:
    """Return the order by decreasing share of a class."""
    return f"{_MOST}{name}"


def class_of_order(order: str) -> str | None:
    """Return the class whose share an order sorts by, or None."""
    return order.removeprefix(_MOST) if order.startswith(_MOST) else None


def relaxations(table: FrameTable, wanted: FrameFilter) -> list[tuple[str, FrameFilter, int]]:
    """Return relaxed filters that match frames: a description, the filter, and the number of frames.

    Each relaxes one condition, the one that matches fewest frames first. If no single one helps, the only result drops
    all conditions.
    """
    options = (
        ("any area of the classes", replace(wanted, min_area=0.0) if wanted.classes else wanted),
        ("any one of the classes", replace(wanted, match="any") if len(wanted.classes) > 1 else wanted),
        ("all classes", replace(wanted, classes=(), min_area=0.0) if wanted.classes else wanted),
        ("any brightness", replace(wanted, brightness=FULL_BRIGHTNESS)),
        ("all cities", replace(wanted, cities=())),
        ("all splits", replace(wanted, splits=())),
        ("any tags", replace(wanted, tags=())),
    )
    counted = [(words, option, len(select(table, option))) for words, option in options if option != wanted]
    helpful = sorted((option for option in counted if option[2]), key=lambda option: option[2])
    return helpful or [("everything", FrameFilter(order=wanted.order, seed=wanted.seed), len(table.names))]
