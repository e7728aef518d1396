"""How many things are in a label map: connected regions of the classes whose objects can be counted."""

from __future__ import annotations

import numpy as np

from cityseg.classes import CLASS_NAMES, CLASSES, IGNORE_INDEX, NUM_CLASSES
from cityseg.data.prepared import objects

LEAST_SHARE = 1e-4
"""Smallest region that counts as an object, as a share of the picture; smaller ones are mostly specks."""
_PLURALS = {"bus": "buses"}
_COUNTED = np.full(256, IGNORE_INDEX, np.uint8)
_COUNTED[:NUM_CLASSES] = [place if label.has_instances else IGNORE_INDEX for place, label in enumerate(CLASSES)]


def count(train_ids: np.ndarray, least_share: float = LEAST_SHARE) -> dict[str, int]:
    """Count the objects of a (H, W) uint8 map of train ids, by the name of their class.

    Counted are the official classes with instances: people and vehicles. A label map does not tell touching objects
    apart, so these count as one, and one that a pole hides in the middle counts as two.

    Args:
        train_ids: 255 for void.
        least_share: smallest object as a share of all pixels, 0 to 1.
    """
    classes, areas = objects.find(_COUNTED[train_ids])
    counts = np.bincount(classes[areas >= least_share * train_ids.size], minlength=NUM_CLASSES)
    return {CLASS_NAMES[place]: int(counts[place]) for place in np.flatnonzero(counts)}


def words(objects: dict[str, int]) -> str:
    """Write counts by class name as "2 cars, 1 bus"."""
    return ", ".join(
        f"{number} {name if number == 1 else _PLURALS.get(name, f'{name}s')}" for name, number in objects.items()
    )
