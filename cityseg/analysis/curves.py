"""Learning curves from the lines of ``history.jsonl``: quantities, horizontal axes and smoothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal

from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError

XAxis = Literal["epochs", "steps", "frames", "minutes"]
Line = Mapping[str, Any]
Curve = tuple[list[float], list[float | None]]
"""Positions and values, of one length."""

TRAIN_LOSS, VAL_LOSS = "loss on train", "loss on val"
_MEANS: dict[str, tuple[str, ...]] = {
    "macro F1": ("macro", "f1"),
    "mean IoU": ("macro", "iou"),
    "macro precision": ("macro", "precision"),
    "macro recall": ("macro", "recall"),
    "weighted F1": ("weighted", "f1"),
    "weighted IoU": ("weighted", "iou"),
    "weighted precision": ("weighted", "precision"),
    "pixel accuracy": ("pixel_accuracy",),
    "category IoU": ("category_iou",),
}
SCORES: dict[str, tuple[str, ...]] = {
    **_MEANS,
    **{f"IoU of {name}": ("per_class", name, "iou") for name in CLASS_NAMES},
}
"""Scores on val and their keys in an epoch's summary."""


def curve(history: Sequence[Line], quantity: str, over: XAxis, batch_size: int) -> Curve:
    """Return one quantity (``TRAIN_LOSS``, ``VAL_LOSS`` or one of ``SCORES``) of a run over its training.

    Takes all lines of the run, in order. Raises UsageError for an unknown quantity.
    """
    if quantity not in (TRAIN_LOSS, VAL_LOSS, *SCORES):
        raise UsageError(
            f"unknown curve {quantity!r}: expected {TRAIN_LOSS!r}, {VAL_LOSS!r} or one of {', '.join(_MEANS)}, "
            f"or a class's IoU such as {f'IoU of {CLASS_NAMES[0]}'!r}"
        )
    kind = "step" if quantity == TRAIN_LOSS else "epoch"
    lines = [
        (place, line)
        for place, line in zip(positions(history, over, batch_size), history, strict=True)
        if line["kind"] == kind
    ]
    return [place for place, _ in lines], [_value(line, quantity) for _, line in lines]


def positions(history: Sequence[Line], over: XAxis, batch_size: int) -> list[float]:
    """Return the position of every line in the training.

    In ``epochs`` (with fractions), ``steps``, ``frames`` (steps times batch size; an epoch's last batch may hold fewer)
    or ``minutes`` of training.
    """
    if over == "minutes":
        return [seconds / 60 for seconds in running_seconds(history)]
    if over == "epochs":
        length = _steps_per_epoch(history)
        return [line["step"] / length for line in history]
    return [float(line["step"] * (batch_size if over == "frames" else 1)) for line in history]


def running_seconds(history: Sequence[Line]) -> list[float]:
    """Return the training time of every line, which never decreases.

    A resumed run continues its last checkpoint's clock, which can lie behind the last line written before. A step back
    counts as no time.
    """
    seconds = [0.0, *(line["seconds"] for line in history)]
    return list(accumulate(max(0.0, now - before) for before, now in pairwise(seconds)))


def smoothed(values: Sequence[float | None], weight: float) -> list[float | None]:
    """Smooth by an exponential moving average with bias correction.

    With m = weight x m + (1 - weight) x value from m = 0, the t-th result is m / (1 - weight^t), as in Adam (Kingma and
    Ba, 2015, section 3). Missing values stay missing and do not count.

    Args:
        values: in order; their distances are ignored.
        weight: of the past, 0 (no smoothing) to below 1 (else UsageError); 0.9 averages about the last ten values.
    """
    if not 0 <= weight < 1:
        raise UsageError(f"smoothing: expected a weight from 0 to below 1, found {weight:g}")
    mean, rest, result = 0.0, 1.0, list[float | None]()
    for value in values:
        if value is None:
            result.append(None)
            continue
        mean = weight * mean + (1 - weight) * value
        rest *= weight
        result.append(mean / (1 - rest))
    return result


def _value(line: Line, quantity: str) -> float | None:
    if quantity in (TRAIN_LOSS, VAL_LOSS):
        loss: float | None = line["loss" if quantity == TRAIN_LOSS else "val_loss"]
        return loss
    value: Any = line["val"]
    for key in SCORES[quantity]:
        value = value.get(key) if value else None
    return None if value is None else float(value)


def _steps_per_epoch(history: Sequence[Line]) -> float:
    """Return the steps of an epoch: from a finished one, or the steps so far during the first."""
    finished = next((line for line in history if line["kind"] == "epoch"), None)
    if finished:
        return float(finished["step"] / finished["epoch"])
    return float(max((line["step"] for line in history), default=1))
