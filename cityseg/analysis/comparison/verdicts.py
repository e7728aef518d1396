"""What the intervals say, in words: one sentence per comparison, and which classes were won and lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cityseg.analysis.comparison.bootstrap import Certainty, Estimate
from cityseg.analysis.tables import ABSENT, signed

FEW_FRAMES = 20
"""A class that fewer frames hold is said to be rare beside its verdict."""
SCORE_NAMES = {
    "macro precision": "macro precision",
    "macro recall": "macro recall",
    "macro f1": "macro F1",
    "macro dice": "macro Dice",
    "macro iou": "mean IoU",
    "weighted precision": "weighted precision",
    "weighted recall": "weighted recall",
    "weighted f1": "weighted F1",
    "weighted iou": "weighted IoU",
    "samples dice": "samples Dice",
    "pixel accuracy": "pixel accuracy",
}


@dataclass(frozen=True)
class Tally:
    """Classes by verdict, each in the official order.

    Attributes:
        won: surely better.
        lost: surely worse.
        open: nobody can tell from these frames, or no score in one of the two.
    """

    won: tuple[str, ...]
    lost: tuple[str, ...]
    open: tuple[str, ...]


def tally(estimates: Mapping[str, Estimate]) -> Tally:
    """Sort classes by their verdict."""
    by = {"better": [], "worse": [], "can't tell": []}  # type: dict[str, list[str]]
    for name, estimate in estimates.items():
        by[estimate.verdict].append(name)
    return Tally(tuple(by["better"]), tuple(by["worse"]), tuple(by["can't tell"]))


def sentence(first: str, second: str, score: str, estimate: Estimate) -> str:
    """Say which of two is better in one score, by how much and how surely.

    Args:
        first: the baseline's name.
        second: the other's.
        score: the score's name as it reads in a sentence.
        estimate: of the difference ``second - first``.
    """
    difference = f"{score} {signed(estimate.difference)} {interval_words(estimate)}"
    if estimate.verdict == "can't tell":
        if math.isnan(estimate.difference):
            return f"{second} and {first} cannot be compared in {score}: one of them has none."
        return f"can't tell whether {second} is better than {first}: {difference}, {reason(estimate)}."
    return f"{second} is {estimate.verdict} than {first}: {difference}."


def interval_words(estimate: Estimate) -> str:
    """Write the interval, or that there is none."""
    if math.isnan(estimate.low):
        return "(no interval)"
    return f"(95 % interval {signed(estimate.low)} to {signed(estimate.high)})"


def interval(estimate: Estimate) -> str:
    """Write the interval's two ends alone, or a dash."""
    return ABSENT if math.isnan(estimate.low) else f"{signed(estimate.low)} to {signed(estimate.high)}"


def reason(estimate: Estimate) -> str:
    """Say why a verdict is what it is, or how far to trust it; empty where the interval speaks for itself."""
    if estimate.frames == 0:
        return "it occurs in no frame"
    if math.isnan(estimate.difference):
        return "it occurs in no label, and only one of the two sees it"
    if math.isnan(estimate.low):
        if estimate.frames == 1:
            return "a single frame decides"
        return f"too few frames decide: one or two of its {estimate.frames:,} weigh most"
    if estimate.low == estimate.high == 0:
        return "both are alike in every frame"
    few = f"only {_frames(estimate.frames)}" if estimate.frames < FEW_FRAMES else ""
    if estimate.verdict == "can't tell":
        return "the interval holds 0" + (f", and there are {few}" if few else "")
    return few


def tally_words(first: str, second: str, found: Tally) -> str:
    """Say how many classes were won and lost, and name those lost."""
    won, lost, left = len(found.won), len(found.lost), len(found.open)
    cost = f", at the cost of {', '.join(found.lost)}" if won and 0 < lost <= 4 else ""
    return f"{second} wins {_classes(won)} against {first} and loses {_classes(lost)}{cost}; {left} can't be told."


def certainty_words(first: str, second: str, certainty: Certainty, metric: str) -> str:
    """Say the verdict on the macro score with the number of frames behind it."""
    words = sentence(first, second, SCORE_NAMES[f"macro {metric}"], certainty.macro(metric))
    return (
        f"{words[0].upper() if words.startswith('can') else words[0]}{words[1:-1]}, over {_frames(certainty.frames)}."
    )


def _frames(count: int) -> str:
    return f"{count:,} frame{'' if count == 1 else 's'}"


def _classes(count: int) -> str:
    return "no class" if count == 0 else f"{count} class{'' if count == 1 else 'es'}"
