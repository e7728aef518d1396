"""The Inspect page: scores of the split, one frame with its errors, and the tabs about the whole split."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.errors import frame_errors
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.api import DataInfo, FrameView
from cityseg.api.types import class_scores, ignite_mean_iou, macro, pixel_accuracy
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX
from cityseg.figures.class_shares import percent_text
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, history, session
from cityseg.ui.common import damaged, frame_navigator, frames, measure_panel, tables
from cityseg.ui.common.errors import errors_shown
from cityseg.ui.common.layout import metric_row, suggest_training
from cityseg.ui.common.measured_split import MeasuredSplit, connected_data
from cityseg.ui.common.url_choice import open_tabs
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.inspect import (
    calibration,
    confusions,
    label_audit,
    pixel,
    ranking_metric,
    robustness,
    selection,
    slice_filter,
    slices,
)

_TABS: dict[str, Callable[[MeasuredSplit, RankingMetric, DataInfo | None], None]] = {
    "Confusions": confusions.show,
    "Slices": slices.show,
    "Calibration": calibration.show,
    "Label audit": label_audit.show,
    "Robustness": robustness.show,
}
_TAB = "look"
_FORMER_TABS = {"Other cameras": "Robustness"}
"""Names that older links use."""
_ERROR_CLASSES = (
    ("correct", (38, 46, 62)),
    ("wrong, same category", (247, 196, 70)),
    ("wrong category", (226, 74, 28)),
)


@errors_shown()
def page() -> None:
    """Show the whole page."""
    damaged.notice()
    if measured_now := measure_panel.finished():
        selection.request_result(measured_now[0])
    results = selection.evaluated_results()
    if not results:
        text = "There is no result to inspect yet. After the first epoch of a training its frames appear here."
        suggest_training(text, "troubleshoot")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        measured = selection.choose_result(results)
    with right:
        metric = ranking_metric.choose_metric(measured)
    _scores(measured)
    info = connected_data(measured, partial(selection.offer_measuring, measured))
    with st.container(key=slice_filter.FRAMES):
        part = slice_filter.choose_part(measured, metric, info)
        index = selection.choose_frame(measured, metric, info, part)
    if info is None:
        _class_table(measured, index)
    else:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _show_frame(measured, index, info)
        with right:
            _class_table(measured, index)
    for name in open_tabs(list(_TABS), _TAB, _TAB, _FORMER_TABS):
        with errors_shown():
            _TABS[name](measured, metric, info)


def _scores(measured: MeasuredSplit) -> None:
    scores = class_scores(measured.total)
    origin = f"Trained on {escape(measured.result.data)}; evaluated at {glossary.scored_size(measured.size)}."
    metric_row(
        (
            ("Macro F1", glossary.score(macro(scores.f1)), glossary.SCORES["f1"][1]),
            ("Mean IoU", glossary.score(macro(scores.iou)), _mean_iou_help(measured.total)),
            ("Pixel accuracy", glossary.score(pixel_accuracy(measured.total)), glossary.PIXEL_ACCURACY),
            (f"Frames of {measured.split}", f"{len(measured.names):,}", origin),
        )
    )


def _mean_iou_help(total: np.ndarray) -> str:
    """Define mean IoU, with ignite's value if that differs."""
    absent = int(np.isnan(class_scores(total).iou).sum())
    if not absent:
        return glossary.SCORES["iou"][1]
    return (
        f"{glossary.SCORES['iou'][1]} The mean leaves out the {absent} classes in neither ground truth nor prediction, "
        f"like the official one; ignite's mIoU counts them as 0 and is {glossary.score(ignite_mean_iou(total))}."
    )


@history.fragment
@errors_shown("This frame cannot be shown.")
def _show_frame(measured: MeasuredSplit, index: int, info: DataInfo) -> None:
    """Show a frame with ground truth, prediction, errors and entropy, and the classes of one pixel.

    A fragment: a click into the viewer reruns this part of the page alone.
    """
    name, result = measured.names[index], measured.result
    frame = cache.frame(session.data_spec(), measured.split, name)
    with st.spinner(f"{escape(result.id)} predicts the frame", show_time=True):
        prediction = cache.predict(result.id, frame.photo)
    errors = frame_errors.error_map(frame.train_ids, prediction.train_ids)
    layers = [
        Layer("prediction", prediction.train_ids, prediction.confidence),
        Layer("ground truth", frame.train_ids),
        Layer("errors", errors, classes=_ERROR_CLASSES),
        frames.entropy(prediction),
    ]
    shown = frames.unsquashed(frame.photo, info)
    chosen = pixel.chosen_pixel(frame, prediction)
    with st.container(key=selection.PICTURE):
        event = viewer(
            shown,
            layers,
            key="inspect_viewer",
            alt=f"Frame {name} of {measured.split} with ground truth and the prediction of {result.id}.",
            compare=("ground truth", "prediction"),
            navigation=True,
            mark=(chosen.column * shown.shape[1] // frame.photo.shape[1], chosen.row),
        )
    frame_navigator.follow_viewer(event, "inspect")
    st.markdown(_error_sentence(frame.train_ids, errors), help=_size_note(measured, frame, info))
    pixel.show(measured, frame, (pixel.clicked_pixel(event, frame, shown.shape[1]) if event else None) or chosen)


def _error_sentence(truth: np.ndarray, errors: np.ndarray) -> str:
    """Summarise the errors of a frame: their share, their severity, and their share near borders."""
    scored = int((errors != IGNORE_INDEX).sum())
    wrong = (errors == frame_errors.WRONG_CATEGORY) | (errors == frame_errors.WRONG_IN_CATEGORY)
    if not wrong.any():
        return "Every labelled pixel is correct."
    distance = max(2, truth.shape[0] // 64)
    near = frame_errors.near_borders(truth, distance)
    mild = float((errors[wrong] == frame_errors.WRONG_IN_CATEGORY).mean())
    return (
        f"**{percent_text(wrong.sum() / scored)} of the labelled pixels are wrong.** {percent_text(mild)} of these "
        f"errors stay in the same category (car for truck), and {percent_text(float(near[wrong].mean()))} lie within "
        f"{distance} pixels of a border between classes."
    )


def _size_note(measured: MeasuredSplit, frame: FrameView, info: DataInfo) -> str:
    height, width = frame.train_ids.shape
    stretched = " Shown stretched back to 2:1." if frames.is_squashed(info) else ""
    return (
        f"The frame is predicted at the file's own {glossary.size((height, width))} pixels; ranking, table and matrix "
        f"were counted at {glossary.scored_size(measured.size)}. Entropy is 0 if one class has all the probability, 1 "
        f"if all 19 have the same.{stretched}"
    )


def _class_table(measured: MeasuredSplit, index: int) -> None:
    """Show the scores of each class in the frame, worst first, beside those of the whole split."""
    frame, whole = class_scores(measured.matrices[index]), class_scores(measured.total)
    mistaken = frame_errors.mistaken_for(measured.matrices[index])
    order = frame_errors.worst_first(frame.iou, frame.support).tolist()
    table = pd.DataFrame(
        {
            "class": [CLASS_NAMES[i] for i in order],
            "IoU": [glossary.score(float(frame.iou[i])) for i in order],
            "all": [glossary.score(float(whole.iou[i])) for i in order],
            "F1": [glossary.score(float(frame.f1[i])) for i in order],
            "pixels": [int(frame.support[i]) for i in order],
            "mostly": [CLASS_NAMES[mistaken[i]] if mistaken[i] >= 0 else glossary.ABSENT for i in order],
        }
    )
    score = partial(tables.text, alignment="right")
    support = f"Support: labelled pixels of the class in this frame, at {glossary.scored_size(measured.size)}."
    confused = "The wrong class that its pixels are most often predicted as."
    columns = {
        "class": tables.text(width=80),
        "IoU": score(width=42, help=f"In this frame. {glossary.SCORES['iou'][1]}"),
        "all": score("split IoU", width=56, help=f"IoU in all frames of {measured.split}."),
        "F1": score(width=42, help=f"In this frame. {glossary.SCORES['f1'][1]}"),
        "pixels": tables.number(width=50, format="localized", help=support),
        "mostly": tables.text("predicted as", width=94, help=confused),
    }
    tables.show(table, "inspect_classes", columns, alt="Scores of the classes in this frame", train_ids=order)
    st.caption("Classes in the ground truth or prediction of this frame, worst first.")
