"""Verdicts in words: one sentence per comparison, the reason for each verdict, and the classes won and lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cityseg.analysis.comparison.bootstrap import OVERALL, Certainty, Estimate, Verdict
from cityseg.analysis.tables import ABSENT, signed

FEW_FRAMES = 20
"""A class in fewer frames than this is marked as rare."""
LABELS: dict[Verdict, str] = {"better": "better", "worse": "worse", "can't tell": "not significant"}
"""Verdicts as they are shown."""
SCORE_NAMES = {name: name for name in OVERALL} | {
    "macro f1": "macro F1",
    "macro dice": "macro Dice",
    "macro iou": "mean IoU",
    "weighted f1": "weighted F1",
    "weighted iou": "weighted IoU",
    "samples dice": "samples Dice",
}
"""Scores of ``bootstrap.OVERALL`` and macro Dice as they are shown."""


@dataclass(frozen=True)
class Tally:
    """Classes by verdict, each in the official order."""

    won: tuple[str, ...]  # significantly better
    lost: tuple[str, ...]  # significantly worse
    open: tuple[str, ...]  # not significant, or without a score in one of the two results


def tally(estimates: Mapping[str, Estimate]) -> Tally:
    """Sort classes by verdict."""
    return Tally(*(tuple(name for name, one in estimates.items() if one.verdict == verdict) for verdict in LABELS))


def sentence(baseline: str, candidate: str, score: str, estimate: Estimate, frames: int) -> str:
    """Return which of two named results is better in one score, by how much, and whether that is significant."""
    difference = f"{score} {signed(estimate.difference)} {_interval(estimate)}"
    over = f"over {_count(frames, 'frame')}"
    if math.isnan(estimate.difference):
        return f"{candidate} and {baseline} cannot be compared in {score}: one of them has no score, {over}."
    if estimate.verdict == "can't tell":
        return f"{candidate} is not significantly different from {baseline}: {difference}, {reason(estimate)}, {over}."
    return f"{candidate} is {estimate.verdict} than {baseline}: {difference}, {over}."


def macro_sentence(baseline: str, candidate: str, found: Certainty, metric: str) -> str:
    """Return the verdict on the macro score in a sentence."""
    return sentence(baseline, candidate, SCORE_NAMES[f"macro {metric}"], found.macro(metric), found.frames)


def tally_sentence(baseline: str, candidate: str, found: Tally) -> str:
    """Return how many classes were won and lost, with the names of a few lost ones."""
    won, lost = len(found.won), len(found.lost)
    cost = f", at the cost of {', '.join(found.lost)}" if won and 0 < lost <= 4 else ""
    counts = f"wins {_count(won, 'class', 'es')} against {baseline} and loses {_count(lost, 'class', 'es')}"
    return f"{candidate} {counts}{cost}; {len(found.open)} are not significant."


def interval(estimate: Estimate) -> str:
    """Return both ends of the interval, or a dash."""
    return ABSENT if math.isnan(estimate.low) else f"{signed(estimate.low)} to {signed(estimate.high)}"


def reason(estimate: Estimate) -> str:
    """Return the reason for a verdict or a caveat; empty if the interval needs no comment."""
    if estimate.frames == 0:
        return "no frame has the class"
    if math.isnan(estimate.difference):
        return "no label has the class, and only one of the two predicts it"
    if math.isnan(estimate.low):
        if estimate.frames == 1:
            return "a single frame decides"
        return f"one or two of {estimate.frames:,} frames dominate"
    if estimate.low == estimate.high == 0:
        return "both are equal in every frame"
    few = f"only {_count(estimate.frames, 'frame')}" if estimate.frames < FEW_FRAMES else ""
    if estimate.verdict == "can't tell":
        return "the interval holds 0" + (f", with {few}" if few else "")
    return few


def _interval(estimate: Estimate) -> str:
    return "(no interval)" if math.isnan(estimate.low) else f"(95 % interval {interval(estimate)})"


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number or 'no'} {noun}" if number < 2 else f"{number:,} {noun}{plural}"
