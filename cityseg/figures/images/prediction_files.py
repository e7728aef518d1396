"""Contents of the files of a prediction: images, label ids and the class table.

``cityseg predict``, the Predict page and the demo all write these, so that the same photo gives the same files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import numpy as np

from cityseg import classes
from cityseg.analysis.prediction import object_counts
from cityseg.analysis.prediction.summary import rejected
from cityseg.classes import CLASS_NAMES, CLASSES, NUM_CLASSES, PALETTE
from cityseg.figures.images.overlay import overlay
from cityseg.figures.images.png import png
from cityseg.inference.predictor import Prediction
from cityseg.text import spreadsheet_cell

ENDINGS = ("overlay.png", "color.png", "labelIds.png", "classes.csv")
"""What follows ``NAME_`` in the names of a photo's files."""
UNKNOWN = NUM_CLASSES
"""Train id of rejected pixels: the first that no class has."""
UNKNOWN_COLOR = (128, 128, 128)
_PALETTE = PALETTE.copy()
_PALETTE[UNKNOWN] = UNKNOWN_COLOR


def encoders(photo: np.ndarray, prediction: Prediction, threshold: int = 0) -> dict[str, Callable[[], bytes]]:
    """Return a function per file, by the file's ending, that encodes its content.

    Args:
        photo: (H, W, 3) uint8.
        prediction: of that photo.
        threshold: confidence in whole per cent below which a pixel is unknown: grey in the images, and 0, the
            official "unlabeled", among the label ids; 0 for never.
    """
    train_ids = prediction.train_ids
    if threshold:
        train_ids = np.where(rejected(prediction, threshold), np.uint8(UNKNOWN), train_ids)
    encode: tuple[Callable[[], bytes], ...] = (
        lambda: png(overlay(photo, train_ids, palette=_PALETTE)),
        lambda: png(classes.to_color(train_ids, _PALETTE)),
        lambda: png(classes.to_label_ids(train_ids)),
        lambda: _class_table(prediction, threshold),
    )
    return dict(zip(ENDINGS, encode, strict=True))


def _class_table(prediction: Prediction, threshold: int) -> bytes:
    """Write pixels, share, objects and unknown pixels of each predicted class as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["class", "label_id", "pixels", "share_percent", "objects", "unknown_pixels"])
    objects, pixels = object_counts.count(prediction.train_ids), prediction.counts()
    unknown = np.bincount(prediction.train_ids[rejected(prediction, threshold)], minlength=NUM_CLASSES)
    for name, share in prediction.shares().items():
        index = CLASS_NAMES.index(name)
        count = objects.get(name, 0) if CLASSES[index].has_instances else ""
        writer.writerow(
            [spreadsheet_cell(name), CLASSES[index].id, pixels[index], f"{100 * share:.4f}", count, unknown[index]]
        )
    return file.getvalue().encode()
