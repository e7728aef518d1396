"""Agreement between label maps of one image, and the regions where two of them differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cityseg.analysis.errors import regions
from cityseg.analysis.errors.regions import Region
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES

_PAIRS = 6
"""Pairs of classes that are searched for regions, those with the most pixels first."""


@dataclass(frozen=True)
class Agreement:
    """How far several label maps agree."""

    dissenting: np.ndarray  # (H, W) uint8 number of maps outside the majority, 0 if all agree; 255 where any is void
    share: float  # share of the pixels without void on which all maps agree; NaN if there are none


def agreement(maps: Sequence[np.ndarray]) -> Agreement:
    """Compare two or more (H, W) uint8 maps of train ids, 255 for void."""
    # One byte map at a time: photos may have fifty million pixels.
    dissenting = np.full(maps[0].shape, len(maps), np.uint8)
    for one in maps:
        different = np.zeros(one.shape, np.uint8)
        for other in maps:
            different += one != other
        np.minimum(dissenting, different, out=dissenting)
    for one in maps:
        dissenting[one == IGNORE_INDEX] = IGNORE_INDEX
    compared = dissenting != IGNORE_INDEX
    return Agreement(dissenting, float((dissenting[compared] == 0).mean()) if compared.any() else float("nan"))


def largest_differences(
    first: np.ndarray, second: np.ndarray, count: int = 5, min_share: float = 0.001
) -> list[Region]:
    """Find up to ``count`` largest regions in which two maps differ, each of one pair of classes.

    Returns:
        Regions of at least ``min_share`` of the image, with the first map as ``truth`` and the second as ``predicted``.
    """
    differs = (first != second) & (first < NUM_CLASSES) & (second < NUM_CLASSES)
    pairs = first[differs].astype(np.int64) * NUM_CLASSES + second[differs]
    pixels = np.bincount(pairs, minlength=NUM_CLASSES**2)
    confidence = np.broadcast_to(np.float32(1), first.shape)
    least = max(1, int(np.ceil(min_share * first.size)))
    found: list[Region] = []
    for number in np.argsort(-pixels, kind="stable")[:_PAIRS]:
        if pixels[number] >= least:
            pair = (int(number) // NUM_CLASSES, int(number) % NUM_CLASSES)
            found += regions.find(first, second, confidence, least=least, pair=pair)
    return sorted(found, key=lambda region: -region.area)[:count]


def position(region: Region, size: tuple[int, int]) -> str:
    """Name the ninth of an image of ``size`` (height, width) that holds the centre of a region's box: "top left"."""
    top, left, bottom, right = region.box
    row = min(2, int(3 * (top + bottom) / 2 / size[0]))
    column = min(2, int(3 * (left + right) / 2 / size[1]))
    if row == column == 1:
        return "in the middle"
    return " ".join(part for part in (("top", "", "bottom")[row], ("left", "", "right")[column]) if part)


def describe(region: Region, first: str, second: str, size: tuple[int, int]) -> str:
    """Describe a region of ``largest_differences``: the class in each of two named maps, its area and its position."""
    share = 100 * region.area / (size[0] * size[1])
    return (
        f"{CLASS_NAMES[region.truth]} for {first}, {CLASS_NAMES[region.predicted]} for {second}: "
        f"{share:.1f} % of the image, {position(region, size)}"
    )
