"""Bootstrap over frames: is one result really better than another, and how far would other frames move a score?

Frames are resampled with replacement, and every score is computed anew from the sums of their confusion matrices: the
spread is the effect of another choice of frames (B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13), not of another seed of the training.

Plain percentile intervals are too narrow where few frames decide, as they do for rare classes. They are stretched by
sqrt(n / (n - 1)) and the ratio of Student's to the normal quantile, as T. C. Hesterberg expands them ("What Teachers
Should Know About the Bootstrap", The American Statistician 69, 2015), where n is not the number of frames but the
number that matters: (sum d^2)^2 / sum d^4 over the jackknife's deviations d, which is k if k frames matter alike and 1
if a single one decides.

**Differences** (``compare``) resample the same frames for both results and stretch the percentiles around the
difference. Measured without a true difference: test frames of two shipped models, each frame's two matrices swapped at
random, 1,000 trials a row with 2,000 resamples. Share of trials with a verdict; the last column is the largest of 86
scores:

    models                   frames  macro F1  mean IoU  pixel accuracy  largest
    better-1, better-2           30     0.010     0.008           0.018    0.034
    experiment-1, better-1       30     0.042     0.041           0.038    0.052
    better-1, better-2          100     0.027     0.035           0.038    0.052
    experiment-1, better-1      100     0.044     0.043           0.039    0.046
    better-1, better-2          250     0.052     0.054           0.048    0.054
    experiment-1, better-1      250     0.045     0.048           0.050    0.059

Without the stretching it was up to 0.14 with 30 frames and 0.09 with 250 (400 and 300 trials). With a true difference
(better-1, better-2, 30 of 250 frames drawn 400 times) the interval held that of all 250 frames in 0.97 of the trials
for pixel accuracy and 0.98 for weighted F1, but in 0.80 for macro F1: a macro mean is over the classes that occur, and
30 frames lack the rarest. An interval is about the classes that its frames hold.

**Scores** (``scores``) lie between 0 and 1, and a sample without the few frames that hold most of a rare class tends to
err in one direction. Hence four steps more, with k the effective sample size of L. Kish ("Survey Sampling", 1965): (sum
w)^2 / sum w^2 over the frames' pixels w in the denominator of the score.

- Without three frames' worth of pixels (k < 3) there is no interval.
- The scale is the empirical logit (J. B. S. Haldane, Annals of Human Genetics 20, 1956): log odds after adding half a
  frame of hits and half a frame of misses to k frames.
- On it the interval is the basic one, 2 score - quantile (A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their
  Application", 1997, section 5.2), which corrects the bias that a percentile interval doubles.
- The variance of half a frame of unknown content, p (1 - p) / (2 k^2), is added. A macro mean adds those of its classes
  and is over the same classes in every resample.

Measured: frames of five shipped models on val and on test (best-7, best-3, best-1, better-1, experiment-1), drawn 200
times with replacement, 2,000 draws an entry with 1,000 resamples. Share of the intervals that held the score of all 250
frames, and how often an interval was given where that was not always; in brackets the lowest share for one model and
split:

    frames           15                  30                  60                  84                  250
    pixel accuracy   1.00 (0.99)         1.00 (0.99)         0.98 (0.96)         0.97 (0.94)         0.96 (0.93)
    macro F1         0.98 (0.95)         0.98 (0.94)         0.98 (0.93)         0.98 (0.93)         0.98 (0.94)
    mean IoU         0.99 (0.98)         0.99 (0.95)         0.98 (0.94)         0.98 (0.95)         0.97 (0.94)
    IoU of road      1.00 (0.99)         0.99 (0.98)         0.98 (0.97)         0.97 (0.96)         0.96 (0.94)
    IoU of person    1.00 (0.99), 89 %   0.99 (0.98)         0.99 (0.97)         0.99 (0.97)         0.98 (0.96)
    IoU of wall      1.00 (0.99), 66 %   0.99 (0.98), 90 %   0.98 (0.91), 99 %   0.98 (0.94)         0.98 (0.94)
    IoU of truck     1.00 (1.00), 18 %   0.99 (0.98), 45 %   0.99 (0.96), 74 %   0.99 (0.95), 84 %   0.99 (0.94)
    IoU of train     1.00 (1.00),  4 %   1.00 (1.00), 17 %   1.00 (1.00), 38 %   0.99 (0.97), 53 %   0.99 (0.93), 85 %

Of all 7,144 combinations of score, model, split and number of frames (also drawn without replacement) that were given
in a tenth of the draws, 20 held it in less than 0.93, none in less than 0.89. Of 5,877 of the other nine shipped models
(150 draws of 30 and 84 frames) 26 did; the lowest of them, drawn 500 times again, held it in 0.92 (sky, pole). Plain
percentile intervals of 30 frames held it in 0.91 (pixel accuracy), 0.86 (person, road), 0.70 (wall) and 0.59 (truck).

The price is width: 0.07 for pixel accuracy, 0.17 for macro F1 and 0.71 for the IoU of person with 30 frames (medians).
Withholding wide intervals too would leave those of samples that lack the decisive frames, which miss: of those below a
width of 0.95, 0.75 held the IoU of wall (best-7, val, 60 frames).
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
from cityseg.metrics import Metric, class_scores, divide
from cityseg.metrics.scores import fractions

Verdict = Literal["better", "worse", "can't tell"]
RESAMPLES = 2000
LEVEL = 0.95
FEWEST = 2.5
"""With fewer frames that matter a difference has no interval: a handful that agree by luck would look certain."""
FEWEST_OF_EQUAL_WEIGHT = 3.0
"""With an effective sample size below this (Kish) a score has no interval."""
DOMINATED = "not given: one or two frames dominate"
"""Why a score has no interval if its effective sample size is too small."""
_UNSEEN = 0.5
"""Frames of unknown content that a score's variance allows for."""
METRICS: tuple[Metric, ...] = ("precision", "recall", "f1", "iou")
OVERALL = (
    *(f"macro {metric}" for metric in METRICS),
    *(f"weighted {metric}" for metric in METRICS),
    "samples dice",
    "pixel accuracy",
)
"""Scores of the whole split. Dice of a class and of the means is F1."""


@dataclass(frozen=True)
class Estimate:
    """A difference between two results, and how sure it is."""

    first: float  # the baseline's score, 0 to 1; NaN where it has none
    second: float  # the other's
    difference: float  # second - first
    low: float  # lower end of the 95 % interval of the difference; NaN where too few frames matter
    high: float  # its upper end
    frames: int  # frames of which the score depends: with the class in truth or in a prediction, or all
    verdict: Verdict  # better or worse if the interval lies on one side of 0


@dataclass(frozen=True)
class Score:
    """A score of one result, and how far another choice of frames would have moved it."""

    value: float  # 0 to 1; NaN if the class does not occur
    low: float  # lower end of its 95 % interval; NaN without an interval
    high: float  # its upper end
    reason: str = ""  # why there is no interval, else empty


@dataclass(frozen=True)
class Certainty:
    """Differences of one result from a baseline, all from the same resamples."""

    frames: int  # frames that both have
    overall: dict[str, Estimate]  # by name in `OVERALL`
    per_class: dict[str, dict[str, Estimate]]  # by metric, then by class name

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
    """Return the frames that both results have, in the first one's order, and their matrices; DataError if none."""
    places = {name: place for place, name in enumerate(second_frames)}
    shared = [(place, places[name]) for place, name in enumerate(first_frames) if name in places]
    if not shared:
        raise DataError("expected frames that both results were measured on, found none; compare runs on one dataset")
    ours, theirs = (list(column) for column in zip(*shared, strict=True))
    return tuple(first_frames[place] for place in ours), first[ours], second[theirs]


def compare(first: np.ndarray, second: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Certainty:
    """Estimate every difference ``second - first`` with its interval.

    The same input gives the same answer: the draws depend on ``seed``, ``resamples`` and the number of frames alone.
    """
    features = np.concatenate([_features(first), _features(second)], 1)
    total = features.sum(0)
    point = _differences(total)
    drawn = _differences(_weights(len(features), resamples, seed) @ features)
    left_out = _differences(total - features)
    low, high = _interval(point, drawn, left_out)
    half = len(total) // 2
    verdicts = np.where(low > 0, "better", np.where(high < 0, "worse", "can't tell"))
    columns = (
        _statistics(total[:half]),
        _statistics(total[half:]),
        point,
        low,
        high,
        _bearing(first, second),
        verdicts,
    )
    estimates = [Estimate(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    return Certainty(
        frames=len(features),
        overall=dict(zip(OVERALL, estimates, strict=False)),
        per_class={
            metric: dict(zip(CLASS_NAMES, estimates[len(OVERALL) + place * NUM_CLASSES :], strict=False))
            for place, metric in enumerate(METRICS)
        },
    )


def scores(
    matrices: np.ndarray,
    *,
    classes: np.ndarray | None = None,
    truth_alone: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Score]:
    """Return every score of one result by name, with its 95 % interval: ``OVERALL``, then "f1 road" and so on.

    Results with overlapping intervals may still differ significantly: ``compare`` pairs the frames.

    Args:
        matrices: (N, 19, 19) counts.
        classes: (19,) bool, classes that other frames may hold. The interval of a macro mean allows for any score of
            those that these frames lack. None for no further classes.
        truth_alone: ignore false positives, so that a class without truth pixels has no score; only recall is then
            meaningful.
        resamples, seed: of the draws.
    """
    features = _features(matrices if len(matrices) else np.zeros((1, NUM_CLASSES, NUM_CLASSES)))
    if truth_alone:
        features[:, NUM_CLASSES : 2 * NUM_CLASSES] = features[:, :NUM_CLASSES]
    total = features.sum(0)
    point = _statistics(total)
    drawn = _all_classes(_statistics(_weights(len(features), resamples, seed) @ features), point)
    low, high = _score_interval(features, point, drawn, _all_classes(_statistics(total - features), point))
    if classes is not None:
        occurs = ~np.isnan(point[-NUM_CLASSES:])
        seen, means = occurs.sum(), slice(0, len(METRICS))
        missing = (classes & ~occurs).sum()
        low[means] *= seen / max(seen + missing, 1)
        high[means] = (high[means] * seen + missing) / max(seen + missing, 1)
    names = (*OVERALL, *(f"{metric} {name}" for metric in METRICS for name in CLASS_NAMES))
    reasons = np.where(np.isnan(low), np.where(np.isnan(point), "no score", DOMINATED), "")
    return {
        name: Score(float(value), float(bottom), float(top), str(reason))
        for name, value, bottom, top, reason in zip(names, point, low, high, reasons, strict=True)
    }


def _features(matrices: np.ndarray) -> np.ndarray:
    """Return what every score is a function of, summed over frames: (N, 59) float64.

    Per class hits, predicted and true pixels, then the frame's own macro Dice and whether it has one.
    """
    matrices = np.asarray(matrices, np.float64)
    dice = class_scores(matrices).dice
    counts = (~np.isnan(dice)).sum(1)
    means = divide(np.nansum(dice, 1), counts, empty=0.0)
    hits, scored = np.diagonal(matrices, axis1=1, axis2=2), counts > 0
    return np.concatenate([hits, matrices.sum(1), matrices.sum(2), means[:, None], scored[:, None]], 1)


def _statistics(sums: np.ndarray) -> np.ndarray:
    """Score sums of features (..., 59): ``OVERALL``, then each of ``METRICS`` for the 19 classes; (..., 86)."""
    hits, predicted, truth = (sums[..., part * NUM_CLASSES : (part + 1) * NUM_CLASSES] for part in range(3))
    occurs = (predicted + truth) > 0
    pixels = truth.sum(-1, keepdims=True)
    parts = fractions(hits, truth, predicted)
    metrics = [np.where(occurs, divide(*parts[metric], empty=0.0), np.nan) for metric in METRICS]
    filled = [np.where(occurs, values, 0.0) for values in metrics]
    present = occurs.sum(-1)
    macros = [divide(values.sum(-1), present) for values in filled]
    weighteds = [divide((values * truth).sum(-1), pixels[..., 0]) for values in filled]
    others = [divide(sums[..., -2], sums[..., -1]), divide(hits.sum(-1), pixels[..., 0])]
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
    """Return both ends of the stretched percentile interval of (S,) differences.

    NaN in the (B, S) resamples ``drawn`` and in the (N, S) differences without each frame, ``left_out``, is a lost
    class.
    """
    matter = _frames_that_matter(left_out)
    enough = matter >= FEWEST
    ends = np.where(enough, point + _stretch(matter) * (_quantiles(drawn) - point), np.nan)
    # Where nothing differs in any frame, nothing varies either.
    same = (drawn == 0).all(0) & (point == 0)
    return np.where(same, 0.0, ends.min(0)), np.where(same, 0.0, ends.max(0))


def _score_interval(
    features: np.ndarray, point: np.ndarray, drawn: np.ndarray, left_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the stretched basic interval of (86,) scores, on the scale of the empirical logit.

    Takes the (N, 59) ``_features``; ``drawn`` and ``left_out`` as ``_interval`` does.
    """
    size = _effective_sizes(features)
    n = np.maximum(size, 1)

    def shrink(score: np.ndarray) -> np.ndarray:
        shrunk: np.ndarray = (score * n + 0.5) / (n + 1)
        return shrunk

    variance = shrink(point) * (1 - shrink(point))
    unseen = _UNSEEN * variance / n**2
    by_class = unseen[len(OVERALL) :].reshape(len(METRICS), NUM_CLASSES)
    present = ~np.isnan(by_class)
    unseen[: len(METRICS)] = divide(np.where(present, by_class, 0).sum(1), present.sum(1) ** 2)
    deviation = -special.ndtri((1 - LEVEL) / 2) * np.sqrt(unseen) * n / (n + 1) / variance
    centre = special.logit(shrink(point))
    # The quantiles change sides: resamples err from the score as the score errs from the truth.
    reach = np.abs(special.logit(shrink(_quantiles(drawn)[::-1])) - centre)
    half = _stretch(_frames_that_matter(left_out)) * np.hypot(reach, deviation)
    ends = (special.expit(centre + half * np.array([[-1], [1]])) * (n + 1) - 0.5) / n
    low, high = np.where(size >= FEWEST_OF_EQUAL_WEIGHT, np.clip(ends, 0, 1), np.nan)
    return low, high


def _effective_sizes(features: np.ndarray) -> np.ndarray:
    """Return Kish's effective sample size of every score: (86,), from each frame's pixels in the denominator."""
    hits, predicted, truth = (features[:, part * NUM_CLASSES : (part + 1) * NUM_CLASSES] for part in range(3))
    pixels = truth.sum(1, keepdims=True)
    overall = [pixels] * (2 * len(METRICS)) + [features[:, -1:], pixels]
    parts = fractions(hits, truth, predicted)
    weights = np.concatenate([*overall, *(parts[metric][1] for metric in METRICS)], 1)
    return divide(weights.sum(0) ** 2, (weights**2).sum(0), empty=0.0)


def _all_classes(drawn: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Let macro means of resamples (B, 86) be over the classes of ``point``; one not drawn keeps its score there."""
    shape = (len(METRICS), NUM_CLASSES)
    by_class, known = drawn[:, len(OVERALL) :].reshape(-1, *shape), point[len(OVERALL) :].reshape(shape)
    filled = np.nan_to_num(np.where(np.isnan(by_class), known, by_class))
    means = divide(filled.sum(-1), (~np.isnan(known)).sum(-1))
    return np.concatenate([means, drawn[:, len(METRICS) :]], 1)


def _quantiles(drawn: np.ndarray) -> np.ndarray:
    """Return the (2, S) ends of the middle 95 % of (B, S) resamples, without NaN."""
    ordered = np.sort(drawn, axis=0)  # NaN goes last
    last = np.maximum((~np.isnan(drawn)).sum(0) - 1, 0)
    columns = np.arange(drawn.shape[1])
    ends = []
    for share in ((1 - LEVEL) / 2, 1 - (1 - LEVEL) / 2):
        place = share * last
        below = np.floor(place).astype(int)
        part = place - below
        ends.append(ordered[below, columns] * (1 - part) + ordered[np.minimum(below + 1, last), columns] * part)
    return np.stack(ends)


def _stretch(matter: np.ndarray) -> np.ndarray:
    """Return (S,) factors that widen percentiles, from the number of frames that matter, at least ``FEWEST``."""
    n = np.maximum(matter, FEWEST)
    tail = (1 - LEVEL) / 2
    stretch: np.ndarray = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, 1 - tail) / special.ndtri(1 - tail)
    return stretch


def _frames_that_matter(left_out: np.ndarray) -> np.ndarray:
    """Return (S,) effective sample sizes: frames of equal weight with the jackknife's spread; 0 if unknown."""
    known = ~np.isnan(left_out)
    count = known.sum(0)
    mean = divide(np.where(known, left_out, 0).sum(0), count, empty=0.0)
    squares = np.where(known, left_out - mean, 0) ** 2
    # A frame without which the score is gone is one on which everything depends.
    squares = np.where(known.all(0), squares, 0)
    return divide(squares.sum(0) ** 2, (squares**2).sum(0), empty=0.0)


def _bearing(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (86,) how many frames each score depends on."""
    pixels = np.asarray(first).sum(2) + np.asarray(first).sum(1) + np.asarray(second).sum(1)
    overall = np.full(len(OVERALL), len(first))
    return np.concatenate([overall, *[(pixels > 0).sum(0)] * len(METRICS)])
