"""One model's view of a photo as the predict page passes it on, and the layers it is shown as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.api import Result
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES
from cityseg.figures.images.prediction_files import UNKNOWN, UNKNOWN_COLOR
from cityseg.ui.app import session
from cityseg.ui.common.viewer import Layer
from cityseg.ui.predict.model_view import Look

PREDICTION = "prediction"


@dataclass(frozen=True)
class Sight:
    """A model, and what it sees."""

    model: Result
    look: Look


def layers(sight: Sight, least: int, truth: np.ndarray | None) -> list[Layer]:
    """Return the layers of a view, what was predicted first.

    Args:
        sight: the view.
        least: confidence in per cent below which a pixel counts as unknown and is grey; 0 for never.
        truth: (H, W) uint8 train ids where they are known.
    """
    seen = sight.look.seen
    confidence = seen.percent.astype(np.float32) / 100
    whole = Layer(PREDICTION, seen.train_ids, confidence)
    found = [whole]
    if least:
        known = Layer(PREDICTION, _with_unknown(seen.train_ids, seen.percent, least), confidence, _classes())
        found = [known, Layer("also where unsure", seen.train_ids, confidence)]
    if truth is not None:
        found.append(Layer("truth", truth))
    nothing = seen.train_ids == IGNORE_INDEX
    doubt = np.rint((99 - seen.percent) * (254 / 99)).astype(np.uint8)
    for name, values, end in (("doubt", doubt, "unsure"), ("entropy", seen.entropy, "undecided")):
        found.append(Layer(name, np.where(nothing, np.uint8(IGNORE_INDEX), values), scale=("sure", end)))
    return found


def _with_unknown(train_ids: np.ndarray, percent: np.ndarray, least: int) -> np.ndarray:
    unsure = (percent < least) & (train_ids != IGNORE_INDEX)
    return np.where(unsure, np.uint8(UNKNOWN), train_ids)


def _classes() -> tuple[tuple[str, tuple[int, int, int]], ...]:
    """The classes in the colours chosen for the app, and one more."""
    colors = [(int(red), int(green), int(blue)) for red, green, blue in session.palette()[:NUM_CLASSES]]
    return (*zip(CLASS_NAMES, colors, strict=True), ("unknown", UNKNOWN_COLOR))
