"""Calibration tab of the Inspect page: reliability, risk-coverage and boundary scores."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.api import DataInfo, Result
from cityseg.api.types import (
    CURVE_BINS,
    Reliability,
    SplitDetail,
    boundary_distance,
    boundary_iou,
    class_scores,
    macro,
    reliability,
    risk_coverage,
)
from cityseg.classes import CLASS_NAMES
from cityseg.figures import theme
from cityseg.figures.calibration import reliability_curve, risk_curves
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import glossary
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.url_choice import select_choice
from cityseg.ui.inspect.components import class_table, metric_row

_KEY, _PARAMETER = "calibration_class", "of"
_ALL = "all classes"


def show(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> None:
    """Show scores, curves and the table of classes."""
    result, split = measured.result, measured.split
    detail = result.run.detail(split)
    if detail is None:
        st.info(
            f"The confidence of {result.id} has not been measured on {split} yet. Run "
            f"`cityseg evaluate {result.id} --split {split}`.",
            icon=":material/speed:",
        )
        return
    distance = boundary_distance(result.config.image_size)
    _figures(result, detail, distance)
    left, right = st.columns(2, gap="large")
    with left:
        _reliability(result, detail)
    with right:
        _risk(result, detail)
    _classes(measured, detail, distance)


def _figures(result: Result, detail: SplitDetail, distance: int) -> None:
    overall = reliability(detail.calibration)
    values = [
        (
            "Calibration error",
            percent_text(overall.error),
            "Expected calibration error (Guo et al., 2017): mean gap between confidence and accuracy over "
            f"{CURVE_BINS} bins of confidence. 0 % is perfect calibration.",
        ),
        (
            "Mean confidence",
            percent_text(_mean(overall, overall.confidence)),
            "Mean probability of the predicted class.",
        ),
        ("Pixel accuracy", percent_text(_mean(overall, overall.accuracy)), glossary.PIXEL_ACCURACY),
        (
            "Boundary IoU",
            glossary.score(macro(boundary_iou(detail.boundary.sum(0)))),
            f"Mean over the classes of the IoU within {distance} pixels of a contour (Cheng et al., 2021): contour "
            "quality, independent of object size.",
        ),
    ]
    if result.speed:
        values.append(
            (
                "Speed",
                f"{result.speed['frames_per_second']:.0f} fps",
                f"One photo at a time at {glossary.size(result.config.image_size)}, on {result.speed['device']}.",
            )
        )
    metric_row(values)


def _reliability(result: Result, detail: SplitDetail) -> None:
    predicted = [name for name, counts in zip(CLASS_NAMES, detail.calibration, strict=True) if counts[:, 0].any()]
    options = [_ALL, *predicted]
    meaning = "A class here is the predicted class, correct or not."
    chosen = select_choice("Pixels predicted as", options, _KEY, _PARAMETER, help=meaning)
    curve = reliability(detail.calibration if chosen == _ALL else detail.calibration[CLASS_NAMES.index(chosen)])
    st.plotly_chart(
        reliability_curve(curve, theme.run_color(result.id)),
        key="reliability",
        config={"displayModeBar": False},
        alt=f"Accuracy of {result.id} by confidence, {chosen}",
    )
    st.caption(f"{_verdict(curve)} The dotted line is perfect calibration; a larger mark stands for more pixels.")


def _verdict(curve: Reliability) -> str:
    gap = _mean(curve, curve.confidence - curve.accuracy)
    if np.isnan(gap) or abs(gap) < 0.01:
        return "Well calibrated overall."
    return f"{'Over' if gap > 0 else 'Under'}confident by {percent_text(abs(gap))} overall."


def _risk(result: Result, detail: SplitDetail) -> None:
    st.markdown("**Risk-coverage**")
    st.plotly_chart(
        risk_curves({result.id: detail.calibration}, {result.id: theme.run_color(result.id)}),
        key="risk",
        config={"displayModeBar": False},
        alt=f"Error rate of {result.id} by the share of pixels kept",
    )
    _, coverage, risk = risk_coverage(detail.calibration)
    place = int(np.argmin(np.abs(coverage - 0.8)))
    st.caption(
        f"From right to left the least confident pixels are rejected: of the {percent_text(coverage[place])} most "
        f"confident pixels {percent_text(risk[place])} are wrong, compared with {percent_text(risk[0])} of all."
    )


def _classes(measured: MeasuredSplit, detail: SplitDetail, distance: int) -> None:
    curves = [reliability(counts) for counts in detail.calibration]
    number = st.column_config.NumberColumn
    class_table(
        range(len(CLASS_NAMES)),
        {
            "IoU": class_scores(measured.total).iou.tolist(),
            "boundary": boundary_iou(detail.boundary.sum(0)).tolist(),
            "confidence": [100 * _mean(curve, curve.confidence) for curve in curves],
            "accuracy": [100 * _mean(curve, curve.accuracy) for curve in curves],
            "error": [100 * curve.error for curve in curves],
        },
        {
            "IoU": number("IoU", format="%.3f", help=glossary.SCORES["iou"][1]),
            "boundary": number(
                "Boundary IoU",
                format="%.3f",
                help=f"IoU within {distance} pixels of a contour. Far below the IoU: the class is found, but its "
                "contours are coarse.",
            ),
            "confidence": number(
                "Mean confidence", format="%.1f %%", help="Mean confidence of the pixels predicted as this class."
            ),
            "accuracy": number("Precision", format="%.1f %%", help="Share of these pixels that are this class."),
            "error": number(
                "Calibration error",
                format="%.1f %%",
                help="Mean gap between confidence and accuracy over the bins. A dash: the class is never predicted.",
            ),
        },
        key="calibration_classes",
    )


def _mean(curve: Reliability, values: np.ndarray) -> float:
    """Return the mean of per-bin values weighted by pixels; NaN without pixels."""
    filled = np.nan_to_num(curve.share) > 0
    return float((curve.share[filled] * values[filled]).sum()) if filled.any() else float("nan")
