"""The calibration tab of the inspect page: what a model's confidence is worth, and how well it hits contours."""

from __future__ import annotations

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
from cityseg.ui.app import glossary, session, url_state
from cityseg.ui.common.measured_split import MeasuredSplit

_KEY, _PARAMETER = "calibration_class", "of"
_ALL = "all classes"


def show(subject: MeasuredSplit, _measure: RankingMetric, _info: DataInfo | None) -> None:
    """Show the whole tab for a result and a split."""
    result, split = subject.result, subject.split
    detail = result.run.detail(split)
    if detail is None:
        st.info(
            f"The confidence of {result.id} has not been counted on {split} yet. "
            f"`cityseg evaluate {result.id} --split {split}` counts it.",
            icon=":material/speed:",
        )
        return
    _figures(result, detail)
    left, right = st.columns(2, gap="large")
    with left:
        _reliability(result, detail)
    with right:
        _risk(result, detail)
    _classes(subject, detail)


def _figures(result: Result, detail: SplitDetail) -> None:
    whole = reliability(detail.calibration)
    scores = boundary_iou(detail.boundary.sum(0))
    sure = float(np.nansum(whole.share * np.nan_to_num(whole.confidence)))
    right = float(np.nansum(whole.share * np.nan_to_num(whole.accuracy)))
    distance = boundary_distance(result.config.image_size)
    values = [
        (
            "Calibration error",
            percent_text(whole.error),
            "Expected calibration error (Guo et al., 2017): how far confidence and the share of right pixels lie "
            f"apart, over {CURVE_BINS} bins of confidence. 0 % is a model that knows what it knows.",
        ),
        ("Mean confidence", percent_text(sure), "The mean probability that the model gives to the class it chooses."),
        ("Right pixels", percent_text(right), glossary.PIXEL_ACCURACY),
        (
            "Boundary IoU",
            glossary.score(macro(scores)),
            "Mean over the classes of the IoU of what lies within "
            f"{distance} pixels of a contour (Cheng et al., 2021): how well outlines are hit, at any size.",
        ),
    ]
    if result.speed:
        values.append(
            (
                "Speed",
                f"{result.speed['frames_per_second']:.0f} frames/s",
                f"One photo at a time at {glossary.size(result.config.image_size)}, on {result.speed['device']}.",
            )
        )
    with st.container(horizontal=True, gap="small"):
        for name, value, meaning in values:
            st.metric(name, value, help=meaning, width=150)


def _reliability(result: Result, detail: SplitDetail) -> None:
    seen = [name for name, counts in zip(CLASS_NAMES, detail.calibration, strict=True) if counts[:, 0].any()]
    options = [_ALL, *seen]
    url_state.settle(_KEY, _PARAMETER, options, _ALL)
    chosen = st.selectbox(
        "Pixels called",
        options,
        key=_KEY,
        persist_state="session",
        help="A class here is what the model calls the pixels, right or wrong.",
    )
    url_state.keep(_KEY, _PARAMETER, chosen)
    found = reliability(detail.calibration if chosen == _ALL else detail.calibration[CLASS_NAMES.index(chosen)])
    st.plotly_chart(
        reliability_curve(found, theme.run_color(result.id)),
        key="reliability",
        config={"displayModeBar": False},
        alt=f"How often {result.id} is right by how sure it is, {chosen}",
    )
    st.caption(f"{_verdict(found)} On the dotted line confidence is just; a larger mark stands for more pixels.")


def _verdict(found: Reliability) -> str:
    filled = np.nan_to_num(found.share) > 0
    lean = float((found.share[filled] * (found.confidence - found.accuracy)[filled]).sum())
    if abs(lean) < 0.01:
        return "On the whole its confidence is what it is worth."
    worth = "more than it is worth" if lean > 0 else "less than it is worth"
    return f"On the whole it claims {percent_text(abs(lean))} {worth}."


def _risk(result: Result, detail: SplitDetail) -> None:
    st.markdown("**If it may say “I do not know”**")
    st.plotly_chart(
        risk_curves({result.id: detail.calibration}, {result.id: theme.run_color(result.id)}),
        key="risk",
        config={"displayModeBar": False},
        alt=f"Wrong pixels of {result.id} by the share of pixels kept",
    )
    _, coverage, risk = risk_coverage(detail.calibration)
    place = int(np.argmin(np.abs(coverage - 0.8)))
    st.caption(
        f"From right to left the pixels it is least sure of are refused: of the {percent_text(coverage[place])} it is "
        f"surest of, {percent_text(risk[place])} are wrong, instead of {percent_text(risk[0])} of all."
    )


def _classes(subject: MeasuredSplit, detail: SplitDetail) -> None:
    total = class_scores(subject.total)
    borders = boundary_iou(detail.boundary.sum(0))
    found = [reliability(counts) for counts in detail.calibration]
    table = pd.DataFrame(
        {
            "color": [""] * len(CLASS_NAMES),
            "class": CLASS_NAMES,
            "IoU": total.iou,
            "boundary": borders,
            "confidence": [100 * _mean(curve, curve.confidence) for curve in found],
            "right": [100 * _mean(curve, curve.accuracy) for curve in found],
            "error": [100 * curve.error for curve in found],
        }
    )
    palette, distance = session.palette(), boundary_distance(subject.result.config.image_size)
    swatches = [f"background-color: {theme.class_color(place, palette=palette)}" for place in range(len(CLASS_NAMES))]
    config = st.column_config
    st.dataframe(
        table.style.apply(lambda _: swatches, subset=["color"]),
        hide_index=True,
        height="content",
        placeholder=glossary.ABSENT,
        key="calibration_classes",
        column_config={
            "color": config.TextColumn("", width=12),
            "class": config.TextColumn("Class"),
            "IoU": config.NumberColumn("IoU", format="%.3f", help=glossary.SCORES["iou"][1]),
            "boundary": config.NumberColumn(
                "Boundary IoU",
                format="%.3f",
                help=f"IoU of what lies within {distance} pixels of a contour. Far below the IoU: the class is found, "
                "but its outline is coarse.",
            ),
            "confidence": config.NumberColumn(
                "Mean confidence", format="%.1f %%", help="Of the pixels that it calls this class."
            ),
            "right": config.NumberColumn("Right", format="%.1f %%", help="Share of these pixels that are this class."),
            "error": config.NumberColumn(
                "Calibration error",
                format="%.1f %%",
                help="How far confidence and right pixels lie apart, bin by bin. A dash: it never calls a pixel so.",
            ),
        },
    )


def _mean(curve: Reliability, values: np.ndarray) -> float:
    filled = np.nan_to_num(curve.share) > 0
    return float((curve.share[filled] * values[filled]).sum()) if filled.any() else float("nan")
