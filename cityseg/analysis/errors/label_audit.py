"""Label audit: where a confident model and the label disagree, and the scores without the labels judged wrong."""

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
"""Equal bands of rows, from top to bottom: lower rows of a street scene are nearer."""
SIZES = (
    "small objects (below 0.1 % of the frame)",
    "medium objects (0.1 to 1 % of the frame)",
    "large objects (from 1 % of the frame)",
)
"""Sizes of objects: connected regions of one class in the label, see ``data.prepared.objects``."""
_SIZE_LIMITS = (0.001, 0.01)


@dataclass(frozen=True)
class Disagreement:
    """A region of a frame where prediction and label differ."""

    frame: int  # position of the frame in the split
    name: str  # name of the frame
    region: Region  # pixels and classes

    @property
    def key(self) -> str:
        """Identifier of the region in the file of verdicts, unique to its pixels and classes."""
        box = ",".join(map(str, self.region.box))
        return f"{self.name} {box} {self.region.truth}>{self.region.predicted} {self.region.area}"


def largest_first(found: Iterable[Disagreement], confidence: float = 0.0) -> list[Disagreement]:
    """Return the disagreements with at least this mean probability of the predicted class, largest first."""
    sure = [each for each in found if each.region.confidence >= confidence]
    return sorted(sure, key=lambda each: (-each.region.area, each.frame))


def exclude(
    matrices: np.ndarray, found: Sequence[Disagreement], verdicts: Mapping[str, Verdict], verdict: Verdict
) -> np.ndarray:
    """Remove the pixels of regions with a verdict from the counts they were found in, as if they were void.

    ``verdicts`` are by ``Disagreement.key``; the result is (N, 19, 19) int64.
    """
    left = np.array(matrices, dtype=np.int64)
    for each in found:
        if verdicts.get(each.key) == verdict:
            left[each.frame, each.region.truth, each.region.predicted] -= each.region.area
    return left


def band_matrices(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count a frame's pixels by band of rows: (4, 19, 19) int64, one matrix per entry of ``BANDS``."""
    height = len(truth)
    band = (np.arange(height) * len(BANDS) // height)[:, None]
    return _count(band, truth, predicted, len(BANDS))


def size_matrices(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count a frame's pixels by the size of the labelled object: (3, 19, 19) int64, one matrix per entry of ``SIZES``.

    False positives belong to no object of the predicted class, so these counts only give recall.
    """
    size = np.zeros(truth.shape, np.int64)
    limits = np.array(_SIZE_LIMITS) * truth.size
    # Shifted by one, void (255) becomes 0, which find_objects ignores.
    for train_id, box in enumerate(ndimage.find_objects(truth + np.uint8(1))):
        if box is not None and train_id < NUM_CLASSES:
            labelled, _ = ndimage.label(truth[box] == train_id, np.ones((3, 3)))
            inside = labelled > 0
            size[box][inside] = np.searchsorted(limits, np.bincount(labelled.ravel()), side="right")[labelled[inside]]
    return _count(size, truth, predicted, len(SIZES))


def _count(group: np.ndarray, truth: np.ndarray, predicted: np.ndarray, groups: int) -> np.ndarray:
    """Return one (19, 19) matrix for each of the ``groups`` that pixels belong to."""
    cells = (group * NUM_CLASSES + truth) * NUM_CLASSES + predicted
    counts = np.bincount(cells[truth < NUM_CLASSES], minlength=groups * NUM_CLASSES**2)
    return counts.reshape(groups, NUM_CLASSES, NUM_CLASSES)
