"""The inspect page: one frame large with its errors, and what the whole split confuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.errors import frame_errors as ranking
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.api import DataInfo, FrameView
from cityseg.api.types import class_scores, ignite_mean_iou, macro, pixel_accuracy
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX
from cityseg.errors import CitysegError
from cityseg.figures import theme
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import cache, glossary, session, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.inspect import calibration, confusions, label_audit, pixel, robustness, slices

_TABS: dict[str, Callable[[MeasuredSplit, RankingMetric, DataInfo | None], None]] = {
    "Confusions": confusions.show,
    "Slices": slices.show,
    "Calibration": calibration.show,
    "Label audit": label_audit.show,
    "Other cameras": robustness.show,
}
_ERROR_CLASSES = (
    ("right", (38, 46, 62)),
    ("wrong, same group", (247, 196, 70)),
    ("wrong group", (226, 74, 28)),
)


def figures(subject: MeasuredSplit) -> None:
    """Show the four figures of the whole split."""
    scores = class_scores(subject.total)
    values = (
        ("Macro F1", glossary.score(macro(scores.f1)), glossary.SCORES["f1"][1]),
        ("Mean IoU", glossary.score(macro(scores.iou)), _ignite(subject.total)),
        (
            "Pixel accuracy",
            glossary.score(pixel_accuracy(subject.total)),
            "Share of all labelled pixels that got the right class. Large classes decide it: road alone can carry it.",
        ),
        (
            f"Frames of {subject.split}",
            f"{len(subject.names):,}",
            f"Trained on {subject.result.data}; counted at {glossary.size(subject.result.config.image_size)}.",
        ),
    )
    with st.container(horizontal=True, gap="small"):
        for name, value, meaning in values:
            st.metric(name, value, help=meaning, width=150)


def _ignite(total: np.ndarray) -> str:
    """Say what mean IoU is, and what ignite makes of it where that is another figure."""
    absent = int(np.isnan(class_scores(total).iou).sum())
    if not absent:
        return glossary.SCORES["iou"][1]
    return (
        f"{glossary.SCORES['iou'][1]} The mean leaves out the {absent} classes that occur in neither truth nor "
        f"prediction, as the official one does; ignite's mIoU counts them as 0 and gives "
        f"{glossary.score(ignite_mean_iou(total))}."
    )


@st.fragment
def show_frame(subject: MeasuredSplit, index: int, info: DataInfo) -> None:
    """Show a frame large, photo, truth, prediction, errors and entropy, and ask about its pixels.

    A fragment: a click into the picture renews the picture's own part of the page and nothing else.
    """
    name, result = subject.names[index], subject.result
    try:
        frame = cache.frame(session.data_spec(), subject.split, name)
        with st.spinner(f"{result.id} is looking at the frame", show_time=True):
            prediction = cache.predict(result.id, frame.photo)
    except CitysegError as error:
        st.error(f"This frame cannot be shown. {error}", icon=":material/error:")
        return
    errors = ranking.error_map(frame.train_ids, prediction.train_ids)
    layers = [
        Layer("prediction", prediction.train_ids, prediction.confidence),
        Layer("truth", frame.train_ids),
        Layer("errors", errors, classes=_ERROR_CLASSES),
        frames.entropy(prediction),
    ]
    shown = frames.unsquashed(frame.photo, info)
    asked = pixel.chosen(frame, prediction)
    with st.container(key="inspect_picture"):
        event = viewer(
            shown,
            layers,
            key="inspect_viewer",
            alt=f"Frame {name} of {subject.split} with its truth and what {result.id} sees.",
            compare=("truth", "prediction"),
            navigation=True,
            mark=(asked.column * shown.shape[1] // frame.photo.shape[1], asked.row),
        )
    if event and event.kind != "click":
        url_state.walk("inspect_frame", 1 if event.kind == "next" else -1)
        st.rerun()
    st.markdown(_error_words(frame.train_ids, errors))
    pixel.show(subject, frame, (pixel.take(event, frame, shown.shape[1]) if event else None) or asked)
    st.caption(_size_words(subject, frame, info))


def _error_words(truth: np.ndarray, errors: np.ndarray) -> str:
    """Say how much is wrong, how badly, and how much of it only at borders."""
    scored = int((errors != IGNORE_INDEX).sum())
    wrong = (errors == ranking.WRONG_CATEGORY) | (errors == ranking.WRONG_IN_CATEGORY)
    if not wrong.any():
        return "Every labelled pixel is right."
    distance = max(2, truth.shape[0] // 64)
    near = ranking.near_borders(truth, distance)
    mild = float((errors[wrong] == ranking.WRONG_IN_CATEGORY).mean())
    return (
        f"**{percent_text(wrong.sum() / scored)} of the labelled pixels are wrong.** {percent_text(mild)} of these got "
        f"a class of the same group (car for truck), and {percent_text(float(near[wrong].mean()))} lie within "
        f"{distance} pixels of a border between classes, where a coarse map errs first."
    )


def _size_words(subject: MeasuredSplit, frame: FrameView, info: DataInfo) -> str:
    height, width = frame.train_ids.shape
    words = (
        f"The picture is predicted at the file's own {glossary.size((height, width))}; the figures of ranking, table "
        f"and matrix were counted at the model's {glossary.size(subject.result.config.image_size)}. Entropy, a layer "
        "of its own, tells where the model cannot decide: 0 where one class has all the probability, 1 where all 19 "
        "have the same."
    )
    return words + (" Shown stretched back to 2:1." if frames.is_squashed(info) else "")


def class_table(subject: MeasuredSplit, index: int) -> None:
    """Show how each class of the frame does, worst first, beside the whole split."""
    frame, whole = class_scores(subject.matrices[index]), class_scores(subject.total)
    mistaken = ranking.mistaken_for(subject.matrices[index])
    order = ranking.worst_first(frame.iou, frame.support)
    names = [CLASS_NAMES[train_id] for train_id in order]
    table = pd.DataFrame(
        {
            "color": [""] * len(order),
            "class": names,
            "IoU": [glossary.score(float(frame.iou[train_id])) for train_id in order],
            "all": [glossary.score(float(whole.iou[train_id])) for train_id in order],
            "F1": [glossary.score(float(frame.f1[train_id])) for train_id in order],
            "pixels": [int(frame.support[train_id]) for train_id in order],
            "mostly": [CLASS_NAMES[mistaken[i]] if mistaken[i] >= 0 else glossary.ABSENT for i in order],
        }
    )
    palette = session.palette()
    swatches = [f"background-color: {theme.class_color(int(train_id), palette=palette)}" for train_id in order]
    config = st.column_config
    st.dataframe(
        table.style.apply(lambda _: swatches, subset=["color"]),
        hide_index=True,
        height="content",
        column_config={
            "color": config.TextColumn("", width=12),
            "class": config.TextColumn("class", width=86),
            "IoU": config.TextColumn(
                "IoU", width=48, alignment="right", help="In this frame. " + glossary.SCORES["iou"][1]
            ),
            "all": config.TextColumn(
                "of all", width=52, alignment="right", help=f"IoU in all frames of {subject.split}."
            ),
            "F1": config.TextColumn(
                "F1", width=48, alignment="right", help="In this frame. " + glossary.SCORES["f1"][1]
            ),
            "pixels": config.NumberColumn(
                "pixels",
                width=56,
                format="localized",
                help="Support: labelled pixels of the class in this frame, at the model's size.",
            ),
            "mostly": config.TextColumn(
                "called", width=86, help="What its pixels are called most often where they are not called right."
            ),
        },
        key="inspect_classes",
    )
    st.caption("Classes that occur in this frame or were seen in it, worst first.")


def questions(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None) -> None:
    """Show what can be asked of the whole split, one tab at a time; a closed one costs nothing.

    Args:
        subject: what is inspected.
        measure: what its frames are ordered by.
        info: the connected data, if it holds the frames.
    """
    for tab, show in zip(st.tabs(list(_TABS), key="look", bind="query-params"), _TABS.values(), strict=True):
        if tab.open:
            with tab:
                show(subject, measure, info)
