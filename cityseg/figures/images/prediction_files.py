"""What is written of a prediction: pictures, label ids and the table of classes, as the content of files.

``cityseg predict``, the predict page and the demo all write these, so that the same photo gives the same files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import numpy as np

from cityseg import classes
from cityseg.analysis.prediction import object_counts
from cityseg.analysis.prediction.summary import unsure
from cityseg.classes import CLASS_NAMES, CLASSES, IGNORE_INDEX, NUM_CLASSES, PALETTE
from cityseg.figures.images.overlay import overlay
from cityseg.figures.images.png import png
from cityseg.inference.predictor import Prediction

UNKNOWN = NUM_CLASSES
"""The train id that stands for "unknown": the first that no class has."""
UNKNOWN_COLOR = (128, 128, 128)
_PALETTE = PALETTE.copy()
_PALETTE[UNKNOWN] = UNKNOWN_COLOR
TABLE = "classes.csv"


def makers(photo: np.ndarray, prediction: Prediction, least: int = 0) -> dict[str, Callable[[], bytes]]:
    """Return by its ending what makes each file.

    Args:
        photo: (H, W, 3) uint8.
        prediction: of that photo.
        least: confidence in whole per cents below which a pixel is unknown: grey in the pictures, and 0, the official
            "unlabeled", among the label ids; 0 for never.
    """
    train_ids = with_unknown(prediction, least)
    return {
        "overlay.png": lambda: png(overlay(photo, train_ids, palette=_PALETTE)),
        "color.png": lambda: png(classes.to_color(train_ids, _PALETTE)),
        "labelIds.png": lambda: png(classes.to_label_ids(train_ids)),
        TABLE: lambda: _table(prediction, least),
    }


def with_unknown(prediction: Prediction, least: int) -> np.ndarray:
    """Return (H, W) uint8 train ids, ``UNKNOWN`` where the confidence lies below ``least`` per cent."""
    if not least:
        return prediction.train_ids
    return np.where(unsure(prediction, least), np.uint8(UNKNOWN), prediction.train_ids)


def _table(prediction: Prediction, least: int) -> bytes:
    """Count pixels and objects of every class seen, and of the pixels those that are unknown."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["class", "label_id", "pixels", "share_percent", "objects", "unknown_pixels"])
    train_ids = prediction.train_ids
    objects = object_counts.count(train_ids)
    looked = int(np.count_nonzero(train_ids != IGNORE_INDEX))
    below = np.bincount(train_ids[unsure(prediction, least)], minlength=NUM_CLASSES)
    for name, share in prediction.shares().items():
        place = CLASS_NAMES.index(name)
        label = CLASSES[place]
        counted = objects.get(name, 0) if label.has_instances else ""
        writer.writerow([name, label.id, round(share * looked), f"{100 * share:.4f}", counted, below[place]])
    return file.getvalue().encode()
