"""The official instance-level IoU, in which a distant person counts as much as a near one.

Cordts et al.: The Cityscapes Dataset (CVPR 2016), section 4.1: iIoU = iTP / (iTP + FP + iFN). The pixels of every
annotated instance are weighted by the class's average instance size over the instance's own; false positives have no
instance and keep weight 1. Only classes with instances have a score, and categories of such classes alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.classes import (
    CATEGORIES,
    CATEGORY_OF_CLASS,
    CATEGORY_OF_TRAIN_ID,
    CLASS_NAMES,
    CLASSES,
    NUM_CLASSES,
    OFFICIAL,
)
from cityseg.metrics.scores import category_confusion, divide

AVERAGE_PIXELS = {
    "person": 3462.4756337644,
    "rider": 3930.4788056518,
    "car": 12794.0202738185,
    "truck": 27855.1264367816,
    "bus": 35732.1511111111,
    "train": 67583.7075812274,
    "motorcycle": 6298.7200839748,
    "bicycle": 4672.3249222261,
}
"""Average pixels of an instance in the training frames at 2048x1024, fixed in the official scripts."""
_FIRST_INSTANCE = 1001
"""Instances are numbered 1000 x label id + n; a plain label id stands for a group."""
_HAS_INSTANCES = np.array([name in AVERAGE_PIXELS for name in CLASS_NAMES])
_CATEGORIES = [
    bool(_HAS_INSTANCES[np.array([label.category == category for label in CLASSES])].all()) for category in CATEGORIES
]
_WEIGHTS = np.array([AVERAGE_PIXELS.get(name, np.nan) for name in CLASS_NAMES])


@dataclass(frozen=True)
class InstanceCounts:
    """Weighted pixels of instances, each (19,) float64 by the instance's true class; counts of frames may be added."""

    hit: np.ndarray  # predicted as their class
    hit_category: np.ndarray  # predicted as any class of their category
    all: np.ndarray  # all pixels

    @classmethod
    def none(cls) -> InstanceCounts:
        """Return the counts of no frame."""
        return cls(*np.zeros((3, NUM_CLASSES)))

    def __add__(self, other: InstanceCounts) -> InstanceCounts:
        return InstanceCounts(self.hit + other.hit, self.hit_category + other.hit_category, self.all + other.all)


def instance_counts(instance_ids: np.ndarray, predicted: np.ndarray) -> InstanceCounts:
    """Count a frame's weighted instance pixels, from the (H, W) ``instanceIds.png``; DataError for an unknown label."""
    numbers, inverse, pixels = np.unique(instance_ids, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(instance_ids.shape)
    labels = np.where(numbers >= _FIRST_INSTANCE, numbers // 1000, 0).astype(np.uint8)
    classes = OFFICIAL.to_train_ids(labels[None], "instance ids")[0]
    wanted = (numbers >= _FIRST_INSTANCE) & (classes < NUM_CLASSES)
    wanted[wanted] = _HAS_INSTANCES[classes[wanted]]
    truth = classes[inverse]
    hits, category_hits = (
        np.bincount(inverse[mask], minlength=len(numbers))
        for mask in (predicted == truth, CATEGORY_OF_TRAIN_ID[predicted] == CATEGORY_OF_TRAIN_ID[truth])
    )
    totals = np.zeros((3, NUM_CLASSES))
    own = classes[wanted]
    weights = _WEIGHTS[own] / pixels[wanted]
    for row, counted in enumerate((hits, category_hits, pixels)):
        np.add.at(totals[row], own, weights * counted[wanted])
    return InstanceCounts(*totals)


def instance_iou(confusion: np.ndarray, counts: InstanceCounts) -> np.ndarray:
    """Return the iIoU of every class, NaN for classes without instances or that do not occur."""
    confusion = np.asarray(confusion, np.float64)
    false = confusion.sum(0) - np.diagonal(confusion)
    return np.where(_HAS_INSTANCES, divide(counts.hit, counts.all + false), np.nan)


def category_instance_iou(confusion: np.ndarray, counts: InstanceCounts) -> np.ndarray:
    """Return the iIoU of the seven categories, NaN for those with a class that lacks instances."""
    folded = category_confusion(np.asarray(confusion, np.float64))
    false = folded.sum(0) - np.diagonal(folded)
    hit, everything = np.zeros((2, len(CATEGORIES)))
    np.add.at(hit, CATEGORY_OF_CLASS, counts.hit_category)
    np.add.at(everything, CATEGORY_OF_CLASS, counts.all)
    return np.where(_CATEGORIES, divide(hit, everything + false), np.nan)
