"""Calibration tab of the Inspect page: reliability, risk-coverage and boundary scores."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
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
from cityseg.markdown import code, escape
from cityseg.ui.app import glossary
from cityseg.ui.common import export, tables
from cityseg.ui.common.charts import chart_title
from cityseg.ui.common.layout import grid, metric_row
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.url_choice import choose_option

_ALL = "all classes"


def show(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> None:
    """Show scores, curves and the table of classes."""
    result, split = measured.result, measured.split
    detail = result.run.detail(split)
    if detail is None:
        st.info(
            f"The confidence of {escape(result.id)} has not been measured on {split} yet. Run "
            f"{code(f'cityseg evaluate {result.id} --split {split}')}.",
            icon=":material/speed:",
        )
        return
    distance = boundary_distance(result.config.image_size)
    _figures(result, detail, distance)
    for chart in grid([_reliability, _risk], 2):
        chart(result, detail)
    _classes(measured, detail, distance)


def _figures(result: Result, detail: SplitDetail, distance: int) -> None:
    overall = reliability(detail.calibration)
    error = (
        f"Expected calibration error (Guo et al., 2017): mean gap to the accuracy over {CURVE_BINS} bins of confidence."
    )
    contours = f"Mean over the classes of the IoU within {distance} pixels of a contour (Cheng et al., 2021)."
    values = [
        ("Calibration error", percent_text(overall.error), error),
        ("Mean confidence", percent_text(_mean(overall, overall.confidence)), "Probability of the predicted class."),
        ("Pixel accuracy", percent_text(_mean(overall, overall.accuracy)), glossary.PIXEL_ACCURACY),
        ("Boundary IoU", glossary.score(macro(boundary_iou(detail.boundary.sum(0)))), contours),
    ]
    if result.speed:
        meaning = f"One photo at a time at {glossary.size(result.config.image_size)}, on {result.speed['device']}."
        values.append(("Speed", f"{result.speed['frames_per_second']:.0f} fps", meaning))
    metric_row(values)


def _reliability(result: Result, detail: SplitDetail) -> None:
    predicted = [name for name, counts in zip(CLASS_NAMES, detail.calibration, strict=True) if counts[:, 0].any()]
    options = [_ALL, *predicted]
    chart_title("Reliability", "The dotted line is perfect calibration; a larger mark stands for more pixels.")
    meaning = "A class here is the predicted class, correct or not."
    chosen = choose_option(st.selectbox, "Pixels predicted as", options, "calibration_class", "of", help=meaning)
    curve = reliability(detail.calibration if chosen == _ALL else detail.calibration[CLASS_NAMES.index(chosen)])
    figure = reliability_curve(curve, theme.run_color(result.id))
    alt = f"Accuracy of {result.id} by confidence, {chosen}"
    export.chart(figure, "reliability", f"{result.id}-reliability", alt)
    st.caption(_verdict(curve))


def _verdict(curve: Reliability) -> str:
    gap = _mean(curve, curve.confidence - curve.accuracy)
    if np.isnan(gap) or abs(gap) < 0.01:
        return "Well calibrated overall."
    return f"{'Over' if gap > 0 else 'Under'}confident by {percent_text(abs(gap))} overall."


def _risk(result: Result, detail: SplitDetail) -> None:
    chart_title("Risk-coverage", "From right to left the least confident pixels are rejected.")
    figure = risk_curves({result.id: detail.calibration}, {result.id: theme.run_color(result.id)})
    alt = f"Error rate of {result.id} by the share of pixels kept"
    export.chart(figure, "risk", f"{result.id}-risk-coverage", alt)
    _, coverage, risk = risk_coverage(detail.calibration)
    place = int(np.argmin(np.abs(coverage - 0.8)))
    st.caption(
        f"Of the {percent_text(coverage[place])} most confident pixels {percent_text(risk[place])} are wrong, compared "
        f"with {percent_text(risk[0])} of all."
    )


def _classes(measured: MeasuredSplit, detail: SplitDetail, distance: int) -> None:
    curves = [reliability(counts) for counts in detail.calibration]
    number, percent = tables.number, partial(tables.number, format="%.1f %%")
    table = pd.DataFrame(
        {
            "class": CLASS_NAMES,
            "IoU": class_scores(measured.total).iou,
            "boundary": boundary_iou(detail.boundary.sum(0)),
            "confidence": [100 * _mean(curve, curve.confidence) for curve in curves],
            "accuracy": [100 * _mean(curve, curve.accuracy) for curve in curves],
            "error": [100 * curve.error for curve in curves],
        }
    )
    coarse = f"IoU within {distance} pixels of a contour. Far below the IoU: found, but with coarse contours."
    gap = "Mean gap between confidence and accuracy over the bins. A dash: the class is never predicted."
    columns = {
        "IoU": number(format="%.3f", help=glossary.SCORES["iou"][1]),
        "boundary": number("Boundary IoU", format="%.3f", help=coarse),
        "confidence": percent("Mean confidence", help="Mean confidence of the pixels predicted as this class."),
        "accuracy": percent("Precision", help="Share of these pixels that are this class."),
        "error": percent("Calibration error", help=gap),
    }
    alt = "IoU, confidence and precision of each class"
    tables.show(table, "calibration_classes", columns, alt=alt, train_ids=range(len(CLASS_NAMES)))


def _mean(curve: Reliability, values: np.ndarray) -> float:
    """Return the mean of per-bin values weighted by pixels; NaN without pixels."""
    filled = np.nan_to_num(curve.share) > 0
    return float((curve.share[filled] * values[filled]).sum()) if filled.any() else float("nan")
