"""Objects in label maps: connected regions of one class.

Regions are 8-connected, so a slanted pole is one object. Overlapping cars are one object as well, because train ids do
not distinguish instances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cityseg.classes import NUM_CLASSES

_EIGHT_CONNECTED = np.ones((3, 3))
_BAND_PIXELS = 1_000_000


@dataclass(frozen=True)
class Objects:
    """All objects of a split, in frame order."""

    frame: np.ndarray
    """(M,) int32 index of the frame in the split."""
    train_id: np.ndarray
    """(M,) uint8 class."""
    area: np.ndarray
    """(M,) int32 pixels."""

    def __len__(self) -> int:
        return len(self.area)

    def areas(self, train_id: int) -> np.ndarray:
        """Return the (K,) areas in pixels of the objects of one class."""
        result: np.ndarray = self.area[self.train_id == train_id]
        return result

    def at_least(self, area: int) -> Objects:
        """Return the objects of at least ``area`` pixels."""
        large = self.area >= area
        return Objects(self.frame[large], self.train_id[large], self.area[large])

    @property
    def counts(self) -> np.ndarray:
        """(19,) number of objects per class."""
        return np.bincount(self.train_id, minlength=NUM_CLASSES)


def find(train_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the objects of one (H, W) uint8 label map.

    Returns:
        (K,) uint8 class and (K,) int32 area in pixels of every object, sorted by class; void is ignored.
    """
    classes, areas = [], []
    # Adding 1 wraps void (255) to 0, which find_objects ignores. Labelling within each class's bounding box takes a
    # quarter of the time of labelling the whole map for every class.
    for train_id, box in enumerate(ndimage.find_objects(train_ids + np.uint8(1))):
        if box is None or train_id >= NUM_CLASSES:
            continue
        labelled, count = ndimage.label(train_ids[box] == train_id, _EIGHT_CONNECTED)
        # bincount converts to int64; bands of rows keep the memory use low.
        rows = max(1, _BAND_PIXELS // labelled.shape[1])
        area = np.zeros(count + 1, np.int64)
        for top in range(0, len(labelled), rows):
            area += np.bincount(labelled[top : top + rows].ravel(), minlength=count + 1)
        classes.append(np.full(count, train_id, np.uint8))
        areas.append(area[1:].astype(np.int32))
    if not areas:
        return np.zeros(0, np.uint8), np.zeros(0, np.int32)
    return np.concatenate(classes), np.concatenate(areas)
