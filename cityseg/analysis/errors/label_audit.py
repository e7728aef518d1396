"""The label audit: where a confident model and the label disagree, and what the score is without the wrong labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import ndimage

from cityseg.analysis.errors.regions import Region
from cityseg.classes import NUM_CLASSES

Verdict = Literal["label wrong", "model wrong", "unsure"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
BANDS = ("top quarter (farthest)", "upper middle", "lower middle", "bottom quarter (nearest)")
"""Equal bands of rows, from top to bottom: a street lies nearer the lower it is in the picture."""
SIZES = (
    "small objects (below 0.1 % of the frame)",
    "medium objects (0.1 to 1 % of the frame)",
    "large objects (from 1 % of the frame)",
)
"""Sizes of objects: connected regions of one class in the label, as ``data.objects`` has them."""
_SIZE_ENDS = (0.001, 0.01)


@dataclass(frozen=True)
class Disagreement:
    """A region where prediction and label differ, in a frame of a split.

    Attributes:
        frame: position of the frame in the split.
        name: the frame's name.
        region: where, and what it is called.
    """

    frame: int
    name: str
    region: Region

    @property
    def key(self) -> str:
        """What names the region in the file of verdicts: it holds for these very pixels and classes alone."""
        top, left, bottom, right = self.region.box
        box = f"{top},{left},{bottom},{right}"
        return f"{self.name} {box} {self.region.truth}>{self.region.predicted} {self.region.area}"


def by_area(found: Iterable[Disagreement], confidence: float) -> list[Disagreement]:
    """Return the disagreements of which the model is sure, largest first.

    Args:
        found: disagreements of a split.
        confidence: least mean probability of the predicted class, 0 to 1.
    """
    sure = [each for each in found if each.region.confidence >= confidence]
    return sorted(sure, key=lambda each: (-each.region.area, each.frame))


def without(
    matrices: np.ndarray, found: Sequence[Disagreement], verdicts: Mapping[str, Verdict], leave_out: Verdict
) -> np.ndarray:
    """Take the pixels of judged regions out of the counts, as if they were void.

    Args:
        matrices: (N, 19, 19) counts of the pixels the regions were found in, rows = truth.
        found: disagreements.
        verdicts: by ``Disagreement.key``.
        leave_out: the verdict whose regions are left out.

    Returns:
        (N, 19, 19) int64.
    """
    left = np.array(matrices, dtype=np.int64)
    for each in found:
        if verdicts.get(each.key) == leave_out:
            left[each.frame, each.region.truth, each.region.predicted] -= each.region.area
    return left


def band_matrices(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count a frame's pixels by band of rows.

    Args:
        truth: (H, W) uint8 train ids; void is not counted.
        predicted: (H, W) uint8 train ids below 19.

    Returns:
        (4, 19, 19) int64, one matrix per entry of ``BANDS``, rows = truth.
    """
    height = len(truth)
    band = (np.arange(height) * len(BANDS) // height)[:, None]
    cells = (band * NUM_CLASSES + truth) * NUM_CLASSES + predicted
    counts = np.bincount(cells[truth < NUM_CLASSES], minlength=len(BANDS) * NUM_CLASSES**2)
    return counts.reshape(len(BANDS), NUM_CLASSES, NUM_CLASSES)


def size_matrices(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count a frame's pixels by the size of the object they belong to.

    What is called a class by mistake has no object of that class, so only recall can be read from these counts.

    Args:
        truth: (H, W) uint8 train ids; void is not counted.
        predicted: (H, W) uint8 train ids below 19.

    Returns:
        (3, 19, 19) int64, one matrix per entry of ``SIZES``, rows = truth.
    """
    size = np.zeros(truth.shape, np.int64)
    ends = np.array(_SIZE_ENDS) * truth.size
    # Shifted by one, void (255) becomes the 0 that find_objects passes over.
    for train_id, box in enumerate(ndimage.find_objects(truth + np.uint8(1))):
        if box is not None and train_id < NUM_CLASSES:
            labelled, _ = ndimage.label(truth[box] == train_id, np.ones((3, 3)))
            inside = labelled > 0
            size[box][inside] = np.searchsorted(ends, np.bincount(labelled.ravel()), side="right")[labelled[inside]]
    cells = (size * NUM_CLASSES + truth) * NUM_CLASSES + predicted
    counts = np.bincount(cells[truth < NUM_CLASSES], minlength=len(SIZES) * NUM_CLASSES**2)
    return counts.reshape(len(SIZES), NUM_CLASSES, NUM_CLASSES)
