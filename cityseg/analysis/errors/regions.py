"""Error regions: 8-connected pixels of one true class predicted as one other class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cityseg.classes import NUM_CLASSES

_EIGHT_CONNECTED = np.ones((3, 3))


@dataclass(frozen=True)
class Region:
    """Connected pixels of one class, all predicted as the same other class."""

    truth: int  # train id of the label
    predicted: int  # train id of the prediction
    box: tuple[int, int, int, int]  # (top, left, bottom, right) in pixels; bottom and right are exclusive
    mask: np.ndarray  # (bottom - top, right - left) bool, the region inside its box
    confidence: float  # mean probability of the predicted class over the region, 0 to 1

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())


def find(
    truth: np.ndarray,
    predicted: np.ndarray,
    confidence: np.ndarray,
    *,
    least: int = 1,
    pair: tuple[int, int] | None = None,
) -> list[Region]:
    """Find the error regions of one frame, largest first; ties in order of the train ids.

    Args:
        truth: (H, W) uint8 train ids; void is never an error.
        predicted: (H, W) uint8 train ids below 19.
        confidence: (H, W) float probability of the predicted class.
        least: minimum area of a region in pixels.
        pair: (true, predicted) train ids, to find the regions of one confusion alone.
    """
    wrong = (truth < NUM_CLASSES) & (truth != predicted)
    if pair is not None:
        wrong = (truth == pair[0]) & (predicted == pair[1])
    # A number from 1 for each pair of classes; find_objects ignores 0, the correct pixels.
    pairs = np.where(wrong, truth.astype(np.int32) * NUM_CLASSES + predicted + 1, 0)
    found = []
    for number, outer in enumerate(ndimage.find_objects(pairs), start=1):
        if outer is None:
            continue
        labelled, _ = ndimage.label(pairs[outer] == number, _EIGHT_CONNECTED)
        areas = np.bincount(labelled.ravel())
        for index, inner in enumerate(ndimage.find_objects(labelled), start=1):
            if areas[index] < least:
                continue
            mask = labelled[inner] == index
            top, left = outer[0].start + inner[0].start, outer[1].start + inner[1].start
            bottom, right = top + mask.shape[0], left + mask.shape[1]
            mean = float(confidence[top:bottom, left:right][mask].mean())
            found.append(Region(*divmod(number - 1, NUM_CLASSES), (top, left, bottom, right), mask, mean))
    return sorted(found, key=lambda region: -region.area)
