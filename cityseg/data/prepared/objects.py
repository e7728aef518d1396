"""Objects in label maps: connected regions of one class.

Pixels of one class belong together when they touch by a side or a corner (8-connectivity), so a pole that runs
aslant stays one object. Two cars of which one hides part of the other are one object as well: train ids do not tell
instances apart.
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
    """Every object of a split, in the order of its frames.

    Attributes:
        frame: (M,) int32 position of the frame in the split.
        train_id: (M,) uint8 class.
        area: (M,) int32 pixels.
    """

    frame: np.ndarray
    train_id: np.ndarray
    area: np.ndarray

    def __len__(self) -> int:
        return len(self.area)

    def areas(self, train_id: int) -> np.ndarray:
        """Return the (K,) areas in pixels of the objects of one class."""
        return self.area[self.train_id == train_id]

    @property
    def counts(self) -> np.ndarray:
        """(19,) number of objects of each class."""
        return np.bincount(self.train_id, minlength=NUM_CLASSES)


def find(train_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the objects of one (H, W) uint8 label map.

    Returns:
        (K,) uint8 class and (K,) int32 area in pixels of every object, class by class. Void makes no object.
    """
    classes, areas = [], []
    # Shifted by one, void (255) becomes the 0 that find_objects passes over. Labelling inside a class's bounding
    # box alone costs a quarter of labelling the whole map for every class.
    for train_id, box in enumerate(ndimage.find_objects(train_ids + np.uint8(1))):
        if box is None or train_id >= NUM_CLASSES:
            continue
        labelled, count = ndimage.label(train_ids[box] == train_id, _EIGHT_CONNECTED)
        # Counting makes eight bytes of every pixel, so it is done by bands of rows.
        rows = max(1, _BAND_PIXELS // labelled.shape[1])
        area = np.zeros(count + 1, np.int64)
        for top in range(0, len(labelled), rows):
            area += np.bincount(labelled[top : top + rows].ravel(), minlength=count + 1)
        classes.append(np.full(count, train_id, np.uint8))
        areas.append(area[1:].astype(np.int32))
    if not areas:
        return np.zeros(0, np.uint8), np.zeros(0, np.int32)
    return np.concatenate(classes), np.concatenate(areas)
