"""Segmentation metrics: counts made on the device, and scores computed from them.

``counting`` makes per-frame confusion matrices, ``frame_confusion`` collects them over a pass, ``scores`` turns them
into precision, recall, F1, Dice and IoU, ``instances`` computes the official instance-level IoU, ``boundary`` the IoU
near contours, ``calibration`` reliability and risk-coverage curves.

Confusion matrices are counts with rows = ground truth and columns = prediction. On the device, ``labels`` are (N, H, W)
uint8 train ids, 255 for void, and ``predictions`` (N, H, W) uint8 train ids.
"""

from cityseg.metrics.counting import frame_confusions, most_probable
from cityseg.metrics.scores import (
    METRICS,
    Metric,
    class_scores,
    divide,
    ignite_mean_iou,
    json_number,
    macro,
    none_for_nan,
    pixel_accuracy,
    summarize,
)

__all__ = [
    "METRICS",
    "Metric",
    "class_scores",
    "divide",
    "frame_confusions",
    "ignite_mean_iou",
    "json_number",
    "macro",
    "most_probable",
    "none_for_nan",
    "pixel_accuracy",
    "summarize",
]
