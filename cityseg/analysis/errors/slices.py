"""Scores on parts of a split: which cities, which light, which sizes a result does worse on, with 95 % intervals.

A slice holds one confusion matrix per frame (rows = truth); its score comes from their sum, as that of the whole split
does. Intervals are those of ``analysis.bootstrap.scores``, whose docstring has the formula and the measured coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.comparison.bootstrap import RESAMPLES, Score
from cityseg.analysis.errors.label_audit import BANDS, SIZES
from cityseg.analysis.errors.ranking_metric import RankingMetric, class_metric_name
from cityseg.classes import CATEGORIES, CATEGORY_OF_CLASS, CLASS_NAMES, NUM_CLASSES
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.errors import DataError, UsageError

FEWEST_FRAMES = 10
"""With fewer frames that count for the score there is no interval."""
Kind = Literal["city", "brightness", "contrast", "object size", "single objects", "rows"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Properties that a split can be cut by."""
PIXEL_KINDS: tuple[Kind, ...] = ("single objects", "rows")
"""Those that need the pixels themselves: an audit counts them, see ``analysis.errors.label_audit``."""
FRAME_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in PIXEL_KINDS)
"""Those whose slices hold whole frames."""
_MOVING = [CATEGORIES.index("human"), CATEGORIES.index("vehicle")]
_THIRDS = 3


@dataclass(frozen=True)
class Slice:
    """A part of a split."""

    name: str  # in words, with the range of what it was cut by
    matrices: np.ndarray  # (K, 19, 19) counts of its frames, or of its part of each frame
    places: np.ndarray | None = None  # (K,) positions of its frames in the split; None if it holds a part of each frame
    # Whether false positives do not count: if slices are parts of the truth, they are no mistake of this slice.
    truth_alone: bool = False

    @property
    def label(self) -> str:
        """Its name without the range."""
        return _label(self.name)


@dataclass(frozen=True, kw_only=True)
class SliceScore(Score):
    """Score of a result on a slice."""

    name: str  # the slice
    frames: int  # how many frames the score rests on; for a class's score those with the class in truth or prediction
    pixels: int  # scored pixels; for a class's score those of the class

    @property
    def label(self) -> str:
        """Its name without the range."""
        return _label(self.name)

    @property
    def is_sure(self) -> bool:
        """Whether the interval is given."""
        return not np.isnan(self.low)

    @property
    def interval(self) -> str:
        """The interval in words, or why there is none."""
        return f"{self.low:.3f} to {self.high:.3f}" if self.is_sure else self.reason


def _label(name: str) -> str:
    return name.partition(" (")[0]


def cut(
    kind: Kind, matrices: np.ndarray, names: Sequence[str], counted: SplitStatistics, train_id: int | None = None
) -> list[Slice]:
    """Cut a split by a property of its whole frames.

    Args:
        kind: ``city``, or a quantity that cuts the frames into thirds: ``brightness`` (mean grey level of the photo, in
            per cent of white), ``contrast`` (standard deviation of its grey levels, of 255), ``object size`` (median
            area of the frame's objects, in per cent of the frame; frames without one are left out).
        matrices: (N, 19, 19) counts.
        names: (N) frames.
        counted: the statistics of the split, which may hold more frames.
        train_id: the class whose objects are measured, or None for those of people and vehicles.

    Raises:
        DataError: the statistics lack a frame.
    """
    at = {name: position for position, name in enumerate(counted.frames)}
    missing = [name for name in names if name not in at]
    if missing:
        raise DataError(
            f"expected the frames the result was measured on, found no {missing[0]} in the connected data; "
            "connect that data"
        )
    positions = np.array([at[name] for name in names])
    if kind == "city":
        return by_name(matrices, [counted.cities[position] for position in positions])
    if kind == "brightness":
        words = ("darkest third", "middle third", "brightest third")
        return by_thirds(matrices, counted.brightness[positions] / 2.55, words, "% of white")
    if kind == "contrast":
        words = ("flattest third", "middle third", "third richest in contrast")
        return by_thirds(matrices, counted.contrast[positions], words, "grey levels")
    sizes = _object_sizes(counted, train_id)[positions]
    return by_thirds(matrices, sizes, ("smallest third", "middle third", "largest third"), "% of the frame")


def rows(bands: np.ndarray) -> list[Slice]:
    """Cut every frame into bands of rows, nearest last, from (N, 4, 19, 19) ``label_audit.band_matrices``."""
    return [Slice(name, bands[:, band]) for band, name in enumerate(BANDS)]


def single_objects(sizes: np.ndarray) -> list[Slice]:
    """Cut every frame's pixels by the size of their object, smallest first, from (N, 3, 19, 19) ``size_matrices``."""
    return [Slice(name, sizes[:, size], truth_alone=True) for size, name in enumerate(SIZES)]


def recall_of(measure: RankingMetric) -> RankingMetric:
    """Return the recall of what a measure scores: all that the counts of single objects can tell."""
    name = "macro recall" if measure.train_id is None else class_metric_name("recall", measure.train_id)
    return RankingMetric(name, "recall", measure.train_id)


def _object_sizes(counted: SplitStatistics, train_id: int | None) -> np.ndarray:
    """Return (N,) the median area of each frame's objects in per cent of the frame, NaN without one."""
    objects = counted.objects
    meant = np.isin(CATEGORY_OF_CLASS[objects.train_id], _MOVING) if train_id is None else objects.train_id == train_id
    sizes = np.full(len(counted.frames), np.nan)
    for frame in np.unique(objects.frame[meant]):
        sizes[frame] = np.median(objects.area[meant & (objects.frame == frame)])
    return sizes * (100 / (counted.size[0] * counted.size[1]))


def by_name(matrices: np.ndarray, names: Sequence[str]) -> list[Slice]:
    """Cut a split by a name of each frame, such as its city; the largest part first."""
    labels, counts = np.unique(np.array(names), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    parts = [(str(labels[index]), np.flatnonzero(np.array(names) == labels[index])) for index in order]
    return [Slice(name, matrices[places], places) for name, places in parts]


def by_thirds(matrices: np.ndarray, values: np.ndarray, words: Sequence[str], unit: str) -> list[Slice]:
    """Cut a split into three parts of equal size by a quantity of each frame; fewer parts if it has fewer frames.

    Args:
        matrices: (N, 19, 19) counts.
        values: (N,) quantity; frames with NaN are left out.
        words: names of the lowest, the middle and the highest third.
        unit: of the quantity.
    """
    order = np.argsort(values, kind="stable")
    order = order[~np.isnan(values[order])]
    parts = []
    for name, part in zip(words, np.array_split(order, _THIRDS), strict=True):
        if len(part):
            low, high = (f"{float(f'{values[part[end]]:.2g}'):g}" for end in (0, -1))
            ends = low if low == high else f"{low} to {high}"
            parts.append(Slice(f"{name} ({ends} {unit})", matrices[part], part))
    return parts


def named(slices: Sequence[Slice], name: str) -> Slice:
    """Return the slice of whole frames with this name, with or without its range, or raise UsageError."""
    found = next((part for part in slices if name in (part.name, part.label)), None)
    if found is None or found.places is None:
        labels = ", ".join(part.label for part in slices if part.places is not None)
        raise UsageError(f"expected a part of whole frames, one of {labels or 'none here'}; found {name!r}")
    return found


def score_slices(slices: Sequence[Slice], measure: RankingMetric, resamples: int = RESAMPLES) -> list[SliceScore]:
    """Score every slice with a metric that is not a confusion, with its 95 % interval.

    A macro mean is over the classes of its slice. If the slice holds whole frames, the interval allows for the classes
    that it lacks and another slice holds; a lone slice may lack any of the 19.
    """
    held = [(part.matrices.sum((0, 1)) + part.matrices.sum((0, 2))) > 0 for part in slices]
    classes = np.any(held, 0) if len(slices) > 1 else np.ones(NUM_CLASSES, bool)
    return [
        _score(part, measure, classes if part.places is not None or len(slices) == 1 else None, resamples)
        for part in slices
    ]


def _score(part: Slice, measure: RankingMetric, classes: np.ndarray | None, resamples: int) -> SliceScore:
    truth, predicted = part.matrices.sum(2), part.matrices.sum(1)
    metric = "f1" if measure.metric == "dice" else measure.metric
    if measure.train_id is None:
        name = "pixel accuracy" if metric == "pixel_accuracy" else f"macro {metric}"
        bearing = pixels = truth.sum(1)
    else:
        name = f"{metric} {CLASS_NAMES[measure.train_id]}"
        pixels = truth[:, measure.train_id]
        bearing = pixels if part.truth_alone else pixels + predicted[:, measure.train_id]
    frames = int((bearing > 0).sum())
    score = bootstrap.scores(part.matrices, classes=classes, truth_alone=part.truth_alone, resamples=resamples)[name]
    if frames < FEWEST_FRAMES:
        score = replace(score, low=np.nan, high=np.nan, reason=f"not given: fewer than {FEWEST_FRAMES} frames")
    return SliceScore(**vars(score), name=part.name, frames=frames, pixels=int(pixels.sum()))
