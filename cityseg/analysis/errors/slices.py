"""Scores on parts of a split: which cities, which light, which sizes a result does worse on, and how sure that is.

A slice holds one confusion matrix per frame (rows = truth); its score comes from their sum, as that of the whole split
does. Intervals are percentile bootstrap intervals over the frames: frames are drawn with replacement, as many as there
are, and the middle 95 % of the scores of many such draws is taken (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cityseg.analysis.errors.label_audit import BANDS, SIZES
from cityseg.analysis.errors.ranking_metric import RankingMetric, class_metric_name
from cityseg.classes import CATEGORIES, CATEGORY_OF_CLASS
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.errors import DataError, UsageError
from cityseg.metrics import class_scores, macro, pixel_accuracy

FEWEST_FRAMES = 10
"""With fewer frames an interval says more about the draw than about the model."""
RESAMPLES = 1000
Kind = Literal["city", "brightness", "contrast", "object size", "single objects", "rows"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What a split can be cut by."""
PIXEL_KINDS: tuple[Kind, ...] = ("single objects", "rows")
"""Those that need the pixels themselves: an audit counts them, see ``analysis.audit``."""
FRAME_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in PIXEL_KINDS)
"""Those whose slices hold whole frames."""
_MOVING = [CATEGORIES.index("human"), CATEGORIES.index("vehicle")]
_THIRDS = 3


@dataclass(frozen=True)
class Slice:
    """A part of a split.

    Attributes:
        name: in words, with the range of what it was cut by.
        matrices: (K, 19, 19) counts of its frames, or of its part of each frame.
        places: (K,) positions of its frames in the split; None where it holds a part of each frame.
        truth_alone: whether a class that no pixel of the slice is has no score, though pixels were called it: where
            slices are parts of the truth, such pixels are no mistake of this one.
    """

    name: str
    matrices: np.ndarray
    places: np.ndarray | None = None
    truth_alone: bool = False

    @property
    def label(self) -> str:
        """Its name without the range."""
        return _label(self.name)


@dataclass(frozen=True)
class SliceScore:
    """How a result does on a slice.

    Attributes:
        name: the slice.
        frames: how many frames the score rests on; for a class's score those in whose truth or prediction it occurs.
        pixels: scored pixels; for a class's score those of the class.
        score: NaN where nothing can be said.
        low: lower end of the 95 % interval, NaN with fewer than ``FEWEST_FRAMES`` frames.
        high: upper end.
    """

    name: str
    frames: int
    pixels: int
    score: float
    low: float
    high: float

    @property
    def label(self) -> str:
        """Its name without the range."""
        return _label(self.name)

    @property
    def is_sure(self) -> bool:
        """Whether there are enough frames for an interval."""
        return not np.isnan(self.low)


def _label(name: str) -> str:
    return name.partition(" (")[0]


def cut(
    kind: Kind, matrices: np.ndarray, names: Sequence[str], counted: SplitStatistics, train_id: int | None = None
) -> list[Slice]:
    """Cut a split by what its frames hold; not by what needs their pixels.

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
    """Cut every frame into bands of rows, nearest last.

    Args:
        bands: (N, 4, 19, 19) counts, see ``analysis.audit.band_matrices``.
    """
    return [Slice(name, bands[:, band]) for band, name in enumerate(BANDS)]


def single_objects(sizes: np.ndarray) -> list[Slice]:
    """Cut the pixels of every frame by the size of the object they belong to, smallest first.

    Args:
        sizes: (N, 3, 19, 19) counts, see ``analysis.audit.size_matrices``.
    """
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
    """Cut a split into three parts of equal size by a quantity of each frame.

    Args:
        matrices: (N, 19, 19) counts.
        values: (N,) quantity; frames with NaN are left out.
        words: names of the lowest, the middle and the highest third.
        unit: of the quantity.

    Returns:
        Three slices; fewer where there are fewer frames than that.
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
    """Return the slice with this name, with or without its range.

    Raises:
        UsageError: there is none, or it holds no whole frames.
    """
    found = next((part for part in slices if name in (part.name, part.label)), None)
    if found is None or found.places is None:
        labels = ", ".join(part.label for part in slices if part.places is not None)
        raise UsageError(f"expected a part of whole frames, one of {labels or 'none here'}; found {name!r}")
    return found


def score_slices(slices: Sequence[Slice], measure: RankingMetric, resamples: int = RESAMPLES) -> list[SliceScore]:
    """Score every slice, with its interval.

    Args:
        slices: parts of a split.
        measure: a score, not a confusion.
        resamples: draws behind an interval; they are the same in every call.
    """
    return [_score(part, measure, resamples) for part in slices]


def _score(part: Slice, measure: RankingMetric, resamples: int) -> SliceScore:
    matrices = part.matrices.astype(np.float64)
    pixels = matrices.sum((1, 2))
    if measure.train_id is not None:
        pixels = matrices[:, measure.train_id].sum(1)
        called = 0 if part.truth_alone else matrices[:, :, measure.train_id].sum(1)
        matrices = matrices[pixels + called > 0]
    else:
        matrices = matrices[pixels > 0]
    count = len(matrices)
    score = float(_scores(matrices.sum(0)[None], measure, part.truth_alone)[0])
    low = high = float("nan")
    if count >= FEWEST_FRAMES:
        random = np.random.default_rng(0)
        # How often each frame is drawn decides the sum, so a draw is a row of counts and all sums are one product.
        draws = random.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
        sums = (draws @ matrices.reshape(count, -1)).reshape(resamples, *matrices.shape[1:])
        scores = _scores(sums, measure, part.truth_alone)
        low, high = (float(end) for end in np.nanpercentile(scores, [2.5, 97.5]))
    return SliceScore(part.name, count, int(pixels.sum()), score, low, high)


def _scores(sums: np.ndarray, measure: RankingMetric, truth_alone: bool) -> np.ndarray:
    """Score (B, 19, 19) matrices: (B,) float64."""
    if measure.metric == "pixel_accuracy":
        return np.array([pixel_accuracy(matrix) for matrix in sums])
    scores: np.ndarray = getattr(class_scores(sums), str(measure.metric))
    if truth_alone:
        scores = np.where(sums.sum(-1) > 0, scores, np.nan)
    if measure.train_id is not None:
        return scores[:, measure.train_id]
    return np.array([macro(row) for row in scores])
