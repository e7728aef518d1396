"""Is one result really better than another? A paired bootstrap over the frames that both were measured on.

Frames are drawn again with replacement, the same ones for both results, and every score is computed anew from the sums
of their confusion matrices: the spread of the differences says how far another choice of frames would have moved them
(B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). It says nothing about another seed
of the training.

Plain percentile intervals are too narrow where few frames decide, as they do for rare classes. They are stretched
around the difference by sqrt(n / (n - 1)) and the ratio of Student's to the normal quantile, as T. C. Hesterberg
expands them ("What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015), where n is not the
number of frames but the number that matters: (sum d^2)^2 / sum d^4 over the jackknife's deviations d, which is k if k
frames matter alike and 1 if a single one decides.

Measured without a true difference: test frames of two shipped models, each frame's two matrices swapped at random,
1,000 trials a row with 2,000 resamples. Share of trials with a verdict; the last column is the largest of 86 scores:

    models                   frames  macro F1  mean IoU  pixel accuracy  largest
    better-1, better-2           30     0.010     0.008           0.018    0.034
    experiment-1, better-1       30     0.042     0.041           0.038    0.052
    better-1, better-2          100     0.027     0.035           0.038    0.052
    experiment-1, better-1      100     0.044     0.043           0.039    0.046
    better-1, better-2          250     0.052     0.054           0.048    0.054
    experiment-1, better-1      250     0.045     0.048           0.050    0.059

Without the stretching it was up to 0.14 with 30 frames and 0.09 with 250 (400 and 300 trials).

With a true difference (better-1, better-2, 30 of 250 frames drawn 400 times) the interval held that of all 250 frames
in 0.97 of the trials for pixel accuracy and 0.98 for weighted F1, but in 0.80 for macro F1: a macro mean is over the
classes that occur, and 30 frames lack the rarest. An interval speaks of the classes that its frames hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import special

from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.errors import DataError
from cityseg.metrics import class_scores

Verdict = Literal["better", "worse", "can't tell"]
RESAMPLES = 2000
LEVEL = 0.95
FEWEST = 2.5
"""With fewer frames that matter there is no interval: a handful that agree by luck would look certain."""
METRICS = ("precision", "recall", "f1", "iou")
OVERALL = (
    *(f"macro {metric}" for metric in METRICS),
    *(f"weighted {metric}" for metric in METRICS),
    "samples dice",
    "pixel accuracy",
)
"""Scores of the whole split. Dice of a class and of the means is F1."""


@dataclass(frozen=True)
class Estimate:
    """A difference between two results, and how sure it is.

    Attributes:
        first: the baseline's score, 0 to 1; NaN where it has none.
        second: the other's.
        difference: second - first.
        low: lower end of the 95 % interval of the difference; NaN where too few frames matter.
        high: its upper end.
        frames: frames of which the score depends: with the class in truth or in a prediction, or all.
        verdict: better or worse if the interval lies on one side of 0.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    frames: int
    verdict: Verdict


@dataclass(frozen=True)
class Score:
    """A score of one result, and how far another choice of frames would have moved it.

    Attributes:
        value: 0 to 1; NaN where there is none.
        low: lower end of its 95 % interval; NaN where too few frames matter.
        high: its upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Certainty:
    """Differences of one result from a baseline, all from the same resamples.

    Attributes:
        frames: frames that both have.
        overall: by name in ``OVERALL``.
        per_class: by metric, then by class name.
    """

    frames: int
    overall: dict[str, Estimate]
    per_class: dict[str, dict[str, Estimate]]

    def macro(self, metric: str) -> Estimate:
        """Return the macro mean's estimate; Dice is F1."""
        return self.overall[f"macro {_known(metric)}"]

    def classes(self, metric: str) -> dict[str, Estimate]:
        """Return the classes' estimates; Dice is F1."""
        return self.per_class[_known(metric)]


def _known(metric: str) -> str:
    return "f1" if metric == "dice" else metric


def pair(
    first_frames: Sequence[str], first: np.ndarray, second_frames: Sequence[str], second: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return the frames that both results have, in the first one's order, with their matrices.

    Args:
        first_frames: names of N frames.
        first: (N, 19, 19) counts, rows = truth.
        second_frames: names of M frames.
        second: (M, 19, 19).

    Raises:
        DataError: no frame is common to both.
    """
    places = {name: place for place, name in enumerate(second_frames)}
    shared = [(place, places[name]) for place, name in enumerate(first_frames) if name in places]
    if not shared:
        raise DataError("expected frames that both results were measured on, found none; compare runs on one dataset")
    ours, theirs = (list(column) for column in zip(*shared, strict=True))
    return tuple(first_frames[place] for place in ours), first[ours], second[theirs]


def compare(first: np.ndarray, second: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Certainty:
    """Estimate every difference ``second - first`` with its interval.

    The same input gives the same answer: the draws depend on ``seed``, ``resamples`` and the number of frames alone.

    Args:
        first: (N, 19, 19) counts of the baseline, rows = truth.
        second: (N, 19, 19) of the other result on the same frames in the same order.
        resamples: how often N frames are drawn.
        seed: of the draws.
    """
    features = np.concatenate([_features(first), _features(second)], 1)
    total = features.sum(0)
    point = _differences(total)
    drawn = _differences(_weights(len(features), resamples, seed) @ features)
    left_out = _differences(total - features)
    low, high = _interval(point, drawn, left_out)
    scores = _statistics(total[: len(total) // 2]), _statistics(total[len(total) // 2 :])
    bearing = _bearing(first, second)
    estimates = [
        Estimate(
            first=float(scores[0][i]),
            second=float(scores[1][i]),
            difference=float(point[i]),
            low=float(low[i]),
            high=float(high[i]),
            frames=int(bearing[i]),
            verdict="better" if low[i] > 0 else "worse" if high[i] < 0 else "can't tell",
        )
        for i in range(len(point))
    ]
    rest = estimates[len(OVERALL) :]
    return Certainty(
        frames=len(features),
        overall=dict(zip(OVERALL, estimates, strict=False)),
        per_class={
            metric: dict(zip(CLASS_NAMES, rest[place * NUM_CLASSES : (place + 1) * NUM_CLASSES], strict=True))
            for place, metric in enumerate(METRICS)
        },
    )


def scores(matrices: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Score]:
    """Return every score of one result by name, with its interval: ``OVERALL``, then "f1 road" and so on.

    Two results with intervals that overlap may still differ for certain: ask ``compare``, which pairs the frames.

    Args:
        matrices: (N, 19, 19) counts, rows = truth.
        resamples: how often N frames are drawn.
        seed: of the draws.
    """
    features = _features(matrices)
    total = features.sum(0)
    point = _statistics(total)
    low, high = _interval(
        point, _statistics(_weights(len(features), resamples, seed) @ features), _statistics(total - features)
    )
    names = (*OVERALL, *(f"{metric} {name}" for metric in METRICS for name in CLASS_NAMES))
    ends = zip(point, np.maximum(low, 0), np.minimum(high, 1), strict=True)
    return {name: Score(*map(float, values)) for name, values in zip(names, ends, strict=True)}


def _features(matrices: np.ndarray) -> np.ndarray:
    """Return what every score is a function of, summed over frames: (N, 59) float64.

    Per class hits, predicted and true pixels, then the frame's own macro Dice and whether it has one.
    """
    matrices = np.asarray(matrices, np.float64)
    dice = class_scores(matrices).dice
    counts = (~np.isnan(dice)).sum(1)
    scored = counts > 0
    means = np.divide(np.nansum(dice, 1), counts, out=np.zeros(len(matrices)), where=scored)
    parts = (np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(1), matrices.sum(2), means[:, None], scored[:, None])
    return np.concatenate(parts, 1)


def _statistics(sums: np.ndarray) -> np.ndarray:
    """Score sums of features (..., 59): ``OVERALL``, then each of ``METRICS`` for the 19 classes; (..., 86)."""
    hits, predicted, truth = (sums[..., part * NUM_CLASSES : (part + 1) * NUM_CLASSES] for part in range(3))
    occurs = (predicted + truth) > 0
    pixels = truth.sum(-1, keepdims=True)
    metrics = [
        np.where(occurs, _ratio(over, under), np.nan)
        for over, under in (
            (hits, predicted),
            (hits, truth),
            (2 * hits, predicted + truth),
            (hits, predicted + truth - hits),
        )
    ]
    filled = [np.where(occurs, values, 0.0) for values in metrics]
    present = occurs.sum(-1)
    macros = [_divide(values.sum(-1), present) for values in filled]
    weighteds = [_divide((values * truth).sum(-1), pixels[..., 0]) for values in filled]
    others = [_divide(sums[..., -2], sums[..., -1]), _divide(hits.sum(-1), pixels[..., 0])]
    return np.concatenate([np.stack([*macros, *weighteds, *others], -1), *metrics], -1)


def _differences(sums: np.ndarray) -> np.ndarray:
    """Score (..., 118) sums of both results' features and subtract: (..., 86)."""
    half = sums.shape[-1] // 2
    result: np.ndarray = _statistics(sums[..., half:]) - _statistics(sums[..., :half])
    return result


@lru_cache(maxsize=4)
def _weights(frames: int, resamples: int, seed: int) -> np.ndarray:
    """Return how often each frame is drawn: (resamples, frames) float64, rows add up to ``frames``."""
    drawn = np.random.default_rng(seed).integers(0, frames, (resamples, frames))
    cells = drawn + np.arange(resamples)[:, None] * frames
    return np.bincount(cells.ravel(), minlength=resamples * frames).reshape(resamples, frames).astype(np.float64)


def _interval(point: np.ndarray, drawn: np.ndarray, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the stretched percentile interval.

    Args:
        point: (S,) differences.
        drawn: (B, S) of the resamples; NaN where a class was not drawn.
        left_out: (N, S) without each of the frames; NaN where a class is then gone.
    """
    matter = _frames_that_matter(left_out)
    enough = matter >= FEWEST
    n = np.where(enough, matter, FEWEST)
    tail = (1 - LEVEL) / 2
    stretch = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, 1 - tail) / special.ndtri(1 - tail)
    ends = []
    ordered = np.sort(drawn, axis=0)  # NaN goes last
    count = (~np.isnan(drawn)).sum(0)
    for share in (tail, 1 - tail):
        place = share * np.maximum(count - 1, 0)
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        columns = np.arange(len(point))
        part = place - below
        quantile = ordered[below, columns] * (1 - part) + ordered[above, columns] * part
        ends.append(np.where(enough, point + stretch * (quantile - point), np.nan))
    # Where nothing differs in any frame, nothing varies either.
    same = (drawn == 0).all(0) & (point == 0)
    return np.where(same, 0.0, np.minimum(ends[0], ends[1])), np.where(same, 0.0, np.maximum(ends[0], ends[1]))


def _frames_that_matter(left_out: np.ndarray) -> np.ndarray:
    """Return (S,) effective sample sizes: frames of equal weight with the jackknife's spread; 0 if unknown."""
    known = ~np.isnan(left_out)
    count = known.sum(0)
    mean = np.divide(np.where(known, left_out, 0).sum(0), count, out=np.zeros(count.shape), where=count > 0)
    squares = np.where(known, left_out - mean, 0) ** 2
    # A frame without which the score is gone is one on which everything depends.
    squares = np.where(known.all(0), squares, 0)
    return _divide(squares.sum(0) ** 2, (squares**2).sum(0), empty=0.0)


def _bearing(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (86,) how many frames each score depends on."""
    pixels = np.asarray(first).sum(2) + np.asarray(first).sum(1) + np.asarray(second).sum(1)
    overall = np.full(len(OVERALL), len(first))
    return np.concatenate([overall, *[(pixels > 0).sum(0)] * len(METRICS)])


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.divide(over, under, out=np.zeros_like(over), where=under > 0)
    return result


def _divide(over: np.ndarray, under: np.ndarray, empty: float = np.nan) -> np.ndarray:
    result: np.ndarray = np.divide(over, under, out=np.full(np.shape(over), empty), where=np.asarray(under) > 0)
    return result
