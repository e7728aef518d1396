"""Segmentation scores from confusion matrices with rows = ground truth and columns = prediction.

Every score is computed from a sum of per-frame (19, 19) matrices: the official Cityscapes scores come from one matrix
over the whole split, never from an average over batches.

A class in neither ground truth nor prediction has no score (NaN, shown as a dash) and is left out of means. A class
that occurs but is never predicted correctly scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from cityseg.classes import CATEGORIES, CATEGORY_OF_CLASS, CLASS_NAMES

Metric = Literal["precision", "recall", "f1", "dice", "iou"]
METRICS: tuple[Metric, ...] = get_args(Metric)


@dataclass(frozen=True)
class ClassScores:
    """Per-class scores, each (..., C) float64, NaN for a class in neither ground truth nor prediction.

    ``support`` counts ground-truth pixels and is never NaN. With one label per pixel F1 and Dice are the same formula;
    both names are kept because both are in use.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    dice: np.ndarray
    iou: np.ndarray
    support: np.ndarray


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Score every class of (..., C, C) confusion matrices.

    With TP = n_cc, FP = column sum - TP, FN = row sum - TP: precision TP / (TP + FP), recall TP / (TP + FN), F1 = Dice
    = 2 TP / (2 TP + FP + FN), IoU TP / (TP + FP + FN); 0 / 0 of a class that occurs counts as 0, as in scikit-learn.
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    truth, predicted = confusion.sum(-1), confusion.sum(-2)
    occurs = (truth + predicted) > 0

    def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
        return np.where(occurs, divide(over, under, empty=0.0), np.nan)

    scores = {metric: ratio(*parts) for metric, parts in fractions(hits, truth, predicted).items()}
    return ClassScores(**scores, support=truth)


Fraction = tuple[np.ndarray, np.ndarray]
"""Numerator and denominator."""


def fractions(hits: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> dict[Metric, Fraction]:
    """Return the fraction that each metric is, from pixels that are hits, of a class, and predicted as it."""
    both = truth + predicted
    f1 = 2 * hits, both
    return {"precision": (hits, predicted), "recall": (hits, truth), "f1": f1, "dice": f1, "iou": (hits, both - hits)}


def macro(scores: np.ndarray) -> float:
    """Return the unweighted mean over the classes that have a score; NaN if none has."""
    present = scores[~np.isnan(scores)]
    return float(present.mean()) if present.size else float("nan")


def weighted(scores: np.ndarray, support: np.ndarray) -> float:
    """Return the mean weighted by ground-truth pixels."""
    total = support.sum()
    return float(np.nansum(np.nan_to_num(scores) * support) / total) if total else float("nan")


def samples_dice(confusions: np.ndarray) -> float:
    """Return the mean over frames of each frame's macro Dice, of (N, C, C) counts."""
    dice = class_scores(confusions).dice
    counts = (~np.isnan(dice)).sum(-1)
    scored = counts > 0
    return float((np.nansum(dice, -1)[scored] / counts[scored]).mean()) if scored.any() else float("nan")


def category_confusion(confusion: np.ndarray) -> np.ndarray:
    """Sum a (19, 19) matrix into the (7, 7) matrix of the categories."""
    folded = np.zeros((len(CATEGORIES), len(CATEGORIES)), dtype=np.asarray(confusion).dtype)
    np.add.at(folded, (CATEGORY_OF_CLASS[:, None], CATEGORY_OF_CLASS[None, :]), confusion)
    return folded


def pixel_accuracy(confusion: np.ndarray) -> float:
    """Return the share of correct pixels; NaN without labelled pixels."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def ignite_mean_iou(confusion: np.ndarray) -> float:
    """Return ``ignite.metrics.mIoU`` of a matrix: the mean over all classes, absent ones counted as 0.

    The official mean, ``macro`` of ``class_scores().iou``, leaves absent classes out.
    """
    return float(np.nan_to_num(class_scores(confusion).iou).mean())


def summarize(confusions: np.ndarray) -> dict[str, Any]:
    """Return the scores that ``cityseg evaluate --json`` prints, of (N, 19, 19) counts; None in place of NaN."""
    total = confusions.sum(0)
    scores = class_scores(total)
    by_metric = {metric: getattr(scores, metric) for metric in METRICS}
    categories = class_scores(category_confusion(total)).iou
    return {
        "frames": len(confusions),
        "pixels": int(total.sum()),
        "macro": {metric: json_number(macro(values)) for metric, values in by_metric.items()},
        "weighted": {metric: json_number(weighted(values, scores.support)) for metric, values in by_metric.items()},
        "samples_dice": json_number(samples_dice(confusions)),
        "pixel_accuracy": json_number(pixel_accuracy(total)),
        "category_iou": json_number(macro(categories)),
        "per_category": {name: json_number(iou) for name, iou in zip(CATEGORIES, categories, strict=True)},
        "classes_above_zero": int(np.nansum(scores.f1 > 0)),
        "per_class": {
            name: {
                **{metric: json_number(values[index]) for metric, values in by_metric.items()},
                "support": int(scores.support[index]),
            }
            for index, name in enumerate(CLASS_NAMES)
        },
    }


def divide(over: np.ndarray, under: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """Divide in float64, broadcasting ``under`` to ``over``; ``empty`` for a denominator of 0."""
    result: np.ndarray = np.divide(over, under, out=np.full(np.shape(over), empty), where=np.asarray(under) > 0)
    return result


def none_for_nan(value: float) -> float | None:
    """Return a float, or None for NaN, which JSON lacks."""
    return None if np.isnan(value) else float(value)


def json_number(value: float) -> float | None:
    """Round to 12 decimals for JSON; None for NaN."""
    return None if np.isnan(value) else round(float(value), 12)
