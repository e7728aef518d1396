"""Approximate object counts of a label map: connected regions of the classes with instances."""

from __future__ import annotations

import numpy as np

from cityseg.classes import CLASS_NAMES, CLASSES, IGNORE_INDEX, NUM_CLASSES
from cityseg.data.prepared import objects

MIN_SHARE = 1e-4
"""Smallest region that counts as an object, as a share of the image; smaller ones are mostly noise."""
_PLURALS = {"bus": "buses"}
_WITH_INSTANCES = np.full(256, IGNORE_INDEX, np.uint8)
_WITH_INSTANCES[:NUM_CLASSES] = [index if label.has_instances else IGNORE_INDEX for index, label in enumerate(CLASSES)]


def count(train_ids: np.ndarray, min_share: float = MIN_SHARE) -> dict[str, int]:
    """Count the objects of a label map by class name: people and vehicles, the official classes with instances.

    A label map does not separate touching objects, so these count as one; an object that a pole divides counts as two.
    Regions smaller than ``min_share`` of all pixels do not count.
    """
    classes, areas = objects.find(_WITH_INSTANCES[train_ids])
    counts = np.bincount(classes[areas >= min_share * train_ids.size], minlength=NUM_CLASSES)
    return {CLASS_NAMES[index]: int(counts[index]) for index in np.flatnonzero(counts)}


def describe(counts: dict[str, int]) -> str:
    """Write counts by class name as "2 cars, 1 bus"."""
    return ", ".join(
        f"{number} {name if number == 1 else _PLURALS.get(name, f'{name}s')}" for name, number in counts.items()
    )
