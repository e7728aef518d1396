"""Scores of a segmentation, all from confusion matrices with rows = truth and columns = prediction.

One (19, 19) matrix per frame is kept. Every figure of the studio is a function of a sum of them: the
official Cityscapes scores come from one matrix over the whole split, never from an average over batches.

A class that occurs in neither truth nor prediction has no score (NaN, shown as a dash) and is left out of
means. A class that occurs but is never hit scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cityseg.classes import CATEGORIES, CATEGORY_OF_CLASS, CLASS_NAMES

METRICS = ("precision", "recall", "f1", "dice", "iou")


@dataclass(frozen=True)
class ClassScores:
    """Per-class figures, each (19,) float64 with NaN where the class occurs in neither truth nor prediction.

    ``support`` counts truth pixels and is never NaN. For single labels per pixel, F1 and Dice are one formula:
    both names are given because both are asked for.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    dice: np.ndarray
    iou: np.ndarray
    support: np.ndarray


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Score every class of a matrix.

    With TP = n_cc, FP = column sum - TP, FN = row sum - TP: precision TP / (TP + FP), recall TP / (TP + FN),
    F1 = Dice = 2 TP / (2 TP + FP + FN), IoU TP / (TP + FP + FN); 0 / 0 inside a class that occurs counts as 0,
    as scikit-learn has it.

    Args:
        confusion: (..., C, C) counts, rows = truth.

    Returns:
        Arrays of shape (..., C).
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    truth, predicted = confusion.sum(-1), confusion.sum(-2)
    occurs = (truth + predicted) > 0

    def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
        score = np.divide(over, under, out=np.zeros_like(over), where=under > 0)
        return np.where(occurs, score, np.nan)

    dice = ratio(2 * hits, truth + predicted)
    return ClassScores(
        precision=ratio(hits, predicted),
        recall=ratio(hits, truth),
        f1=dice,
        dice=dice,
        iou=ratio(hits, truth + predicted - hits),
        support=truth,
    )


def macro(scores: np.ndarray) -> float:
    """Return the plain mean over the classes that have a score; NaN if none has."""
    present = scores[~np.isnan(scores)]
    return float(present.mean()) if present.size else float("nan")


def weighted(scores: np.ndarray, support: np.ndarray) -> float:
    """Return the mean weighted by truth pixels; classes without truth weigh nothing."""
    total = support.sum()
    return float(np.nansum(np.nan_to_num(scores) * support) / total) if total else float("nan")


def samples_dice(confusions: np.ndarray) -> float:
    """Return the mean over frames of each frame's macro Dice.

    Args:
        confusions: (N, C, C) counts per frame.
    """
    dice = class_scores(confusions).dice
    counts = (~np.isnan(dice)).sum(-1)
    scored = counts > 0
    return float((np.nansum(dice, -1)[scored] / counts[scored]).mean()) if scored.any() else float("nan")


def category_confusion(confusion: np.ndarray) -> np.ndarray:
    """Fold a (19, 19) matrix into the (7, 7) matrix of the category groups."""
    folded = np.zeros((len(CATEGORIES), len(CATEGORIES)), dtype=np.asarray(confusion).dtype)
    np.add.at(folded, (CATEGORY_OF_CLASS[:, None], CATEGORY_OF_CLASS[None, :]), confusion)
    return folded


def pixel_accuracy(confusion: np.ndarray) -> float:
    """Return the share of scored pixels whose class is right."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def ignite_mean_iou(confusion: np.ndarray) -> float:
    """Return what ``ignite.metrics.mIoU`` gives for a matrix: the mean over all classes, absent ones counted as 0.

    The official mean, ``macro`` of ``class_scores().iou``, leaves a class out that occurs in neither truth nor
    prediction. Both are equal where every class occurs.

    Args:
        confusion: (C, C) counts, rows = truth.
    """
    return float(np.nan_to_num(class_scores(confusion).iou).mean())


def summarize(confusions: np.ndarray) -> dict[str, Any]:
    """Turn per-frame matrices into the figures that ``cityseg evaluate --json`` prints.

    Args:
        confusions: (N, 19, 19) counts, rows = truth.

    Returns:
        Plain values; None where nothing can be said, so that the result is valid JSON.
    """
    total = confusions.sum(0)
    scores = class_scores(total)
    by_metric = {metric: getattr(scores, metric) for metric in METRICS}
    categories = class_scores(category_confusion(total)).iou
    return {
        "frames": len(confusions),
        "pixels": int(total.sum()),
        "macro": {metric: _plain(macro(values)) for metric, values in by_metric.items()},
        "weighted": {metric: _plain(weighted(values, scores.support)) for metric, values in by_metric.items()},
        "samples_dice": _plain(samples_dice(confusions)),
        "pixel_accuracy": _plain(pixel_accuracy(total)),
        "category_iou": _plain(macro(categories)),
        "per_category": {name: _plain(iou) for name, iou in zip(CATEGORIES, categories, strict=True)},
        "classes_above_zero": int(np.nansum(scores.f1 > 0)),
        "per_class": {
            name: {
                **{metric: _plain(values[index]) for metric, values in by_metric.items()},
                "support": int(scores.support[index]),
            }
            for index, name in enumerate(CLASS_NAMES)
        },
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 12)
