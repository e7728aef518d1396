"""Scores of a segmentation: counting on the device, and figures from the counts.

``counting`` makes per-frame confusion matrices, ``frames`` keeps them over a pass, ``scores`` turns them into
precision, recall, F1, Dice and IoU, ``instances`` adds the official instance-level IoU, ``boundary`` the IoU near
contours, ``calibration`` what confidence is worth.
"""

from cityseg.metrics.counting import frame_confusions, most_probable
from cityseg.metrics.scores import (
    METRICS,
    ClassScores,
    category_confusion,
    class_scores,
    ignite_mean_iou,
    macro,
    pixel_accuracy,
    samples_dice,
    summarize,
    weighted,
)

__all__ = [
    "METRICS",
    "ClassScores",
    "category_confusion",
    "class_scores",
    "frame_confusions",
    "ignite_mean_iou",
    "macro",
    "most_probable",
    "pixel_accuracy",
    "samples_dice",
    "summarize",
    "weighted",
]
