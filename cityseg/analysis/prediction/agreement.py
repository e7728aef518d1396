"""Where several label maps of one picture agree, and what those that differ say instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cityseg.analysis.errors import regions
from cityseg.analysis.errors.regions import Region
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES

_PAIRS = 6
"""Pairs of classes whose regions are looked for."""


@dataclass(frozen=True)
class Agreement:
    """How far maps agree.

    Attributes:
        dissenting: (H, W) uint8 how many of them do not say what most say, 0 where all agree; 255 where one of them
            says nothing.
        share: share of the pixels on which all say the same, of those on which all say something; NaN without any.
    """

    dissenting: np.ndarray
    share: float


def agreement(maps: Sequence[np.ndarray]) -> Agreement:
    """Compare two or more (H, W) uint8 maps of train ids, 255 for void."""
    # One map of bytes after the other: photos may have fifty million pixels.
    dissenting = np.full(maps[0].shape, len(maps), np.uint8)
    for one in maps:
        apart = np.zeros(one.shape, np.uint8)
        for other in maps:
            apart += one != other
        np.minimum(dissenting, apart, out=dissenting)
    for one in maps:
        dissenting[one == IGNORE_INDEX] = IGNORE_INDEX
    said = dissenting != IGNORE_INDEX
    share = float((dissenting[said] == 0).mean()) if said.any() else float("nan")
    return Agreement(dissenting, share)


def largest(first: np.ndarray, second: np.ndarray, count: int = 5, least_share: float = 0.001) -> list[Region]:
    """Find the largest regions in which two maps differ, each of one pair of classes.

    Args:
        first: (H, W) uint8 train ids, 255 for void; named ``truth`` in what is returned.
        second: likewise; named ``predicted``.
        count: how many at most.
        least_share: of the picture that a region covers.
    """
    differs = (first != second) & (first < NUM_CLASSES) & (second < NUM_CLASSES)
    numbers = first[differs].astype(np.int64) * NUM_CLASSES + second[differs]
    pixels = np.bincount(numbers, minlength=NUM_CLASSES**2)
    certain = np.broadcast_to(np.float32(1), first.shape)
    least = max(1, int(np.ceil(least_share * first.size)))
    found: list[Region] = []
    for number in np.argsort(-pixels, kind="stable")[:_PAIRS]:
        if pixels[number] >= least:
            pair = (int(number) // NUM_CLASSES, int(number) % NUM_CLASSES)
            found += regions.find(first, second, certain, least=least, pair=pair)
    return sorted(found, key=lambda region: -region.area)[:count]


def where(region: Region, size: tuple[int, int]) -> str:
    """Say in which ninth of a picture of a size, (height, width), the middle of a region's box lies."""
    top, left, bottom, right = region.box
    row = min(2, int(3 * (top + bottom) / 2 / size[0]))
    column = min(2, int(3 * (left + right) / 2 / size[1]))
    if row == column == 1:
        return "in the middle"
    return " ".join(part for part in (("top", "", "bottom")[row], ("left", "", "right")[column]) if part)


def words(region: Region, first: str, second: str, size: tuple[int, int]) -> str:
    """Say in a sentence what two named maps of a size call a region, how large it is and where it lies."""
    share = 100 * region.area / (size[0] * size[1])
    return (
        f"{CLASS_NAMES[region.truth]} for {first}, {CLASS_NAMES[region.predicted]} for {second}: "
        f"{share:.1f} % of the picture, {where(region, size)}"
    )
