"""The result on the Predict page: the photo with each model's prediction, and its figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.prediction import object_counts
from cityseg.classes import CLASS_NAMES, CLASSES
from cityseg.figures.class_shares import class_shares, percent_text
from cityseg.markdown import escape
from cityseg.ui.app import glossary, session
from cityseg.ui.common import frame_navigator
from cityseg.ui.common.charts import plain_chart
from cityseg.ui.common.layout import grid
from cityseg.ui.common.viewer import PHOTO, viewer
from cityseg.ui.predict import distribution_shift
from cityseg.ui.predict.model_view import PREDICTION, ModelView, Photo, layers
from cityseg.ui.predict.sources import ImageSource

GROUP = "predict"
"""Viewers of the page that zoom together."""
_BARS = 10
"""Number of classes in the bar chart."""
_WITH_INSTANCES = {label.name for label in CLASSES if label.has_instances}
_OBJECTS_HELP = (
    "Connected regions of people and vehicles, from 0.01 % of the image on. Objects that touch count as one, and one "
    "that the prediction splits counts as several."
)
_TIMING_HELP = (
    "**decode**: from file or renderer to pixels, **predict**: from pixels to a label map of the photo's size, "
    "**encode**: photo and label map for the browser. The first photo after loading a model takes longer."
)


def show(source: ImageSource, photo: Photo, views: Sequence[ModelView], threshold: int) -> None:
    """Show a viewer per model, up to three side by side."""
    if len(views) == 1:
        _viewer(source, photo, views[0], threshold)
        return
    for view in grid(views, 2 if len(views) == 4 else len(views)):
        st.markdown(f"**{escape(view.model.id)}**")
        _viewer(source, photo, view, threshold)


def show_figures(photo: Photo, views: Sequence[ModelView]) -> None:
    """Show confidence, timing and class shares: of one model large, of several as tables."""
    if len(views) == 1:
        _figures(photo, views[0])
        distribution_shift.warn(views)
        _class_shares(photo, views[0])
        return
    _model_table(photo, views)
    distribution_shift.warn(views)
    _share_table(photo, views)


def _viewer(source: ImageSource, photo: Photo, view: ModelView, threshold: int) -> None:
    event = viewer(
        photo.image,
        layers(view, threshold, photo.truth),
        key=f"predict_viewer_{view.model.id}",
        alt=f"The photo {source.name} with the prediction of {view.model.id}.",
        compare=(PHOTO, PREDICTION),
        navigation=source.has_neighbours,
        group=GROUP,
        clicks=False,
    )
    frame_navigator.follow_viewer(event, "predict")


def _figures(photo: Photo, view: ModelView) -> None:
    """Show confidence, accuracy (or size without ground truth) and timing of one model."""
    summary = view.summary
    with st.container(horizontal=True, gap="small"):
        meaning = "Probability of the predicted class, averaged over all pixels. A confident model can be wrong."
        st.metric("Mean confidence", f"{100 * summary.mean_confidence:.0f} %", help=meaning, width=122)
        if photo.truth is not None:
            meaning = "Share of this frame's labelled pixels with the right class, measured at the frame's own size."
            st.metric("Pixel accuracy", glossary.score(view.accuracy), help=meaning, width=122)
        else:
            height, width = photo.size
            meaning = f"{width} × {height} pixels. The label map has the same size."
            st.metric("Photo", f"{height * width / 1e6:.1f} MP", help=meaning, width=122)
    st.caption(
        f"Decode {_duration(photo.decode_ms)} · predict {_duration(summary.milliseconds)} · "
        f"encode {_duration(photo.encode_ms + view.encode_ms)}",
        help=_TIMING_HELP,
    )


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"


def _class_shares(photo: Photo, view: ModelView) -> None:
    """Show the share of each class as bars, and as a table with object counts."""
    summary = view.summary
    shares = {name: percent_text(share) for name, share in summary.shares.items()}
    chart, table = st.tabs([f"{len(shares)} classes", "Table"])
    with chart:
        plain_chart(
            class_shares(dict(list(summary.shares.items())[:_BARS]), session.palette()),
            "predict_shares",
            "Share of the image by class: " + ", ".join(map(" ".join, shares.items())),
        )
        if len(shares) > _BARS:
            st.caption(f"The {_BARS} largest; the table lists all.")
        if summary.objects:
            st.caption(f"Connected regions: {object_counts.describe(summary.objects)}.", help=_OBJECTS_HELP)
    with table:
        columns = {"class": list(shares), "share": list(shares.values())}
        if photo.truth is not None:
            columns["ground truth"] = [_truth_share(photo.truth, name) for name in shares]
        columns["objects"] = [_object_count(view, name) for name in shares]
        config = {"objects": st.column_config.TextColumn("objects", help=_OBJECTS_HELP)}
        alt = "Share and number of objects of each class"
        st.dataframe(pd.DataFrame(columns), hide_index=True, height="content", column_config=config, alt=alt)


def _object_count(view: ModelView, name: str) -> str:
    return f"about {view.summary.objects.get(name, 0)}" if name in _WITH_INSTANCES else ""


def _truth_share(truth: np.ndarray, name: str) -> str:
    count = int((truth == CLASS_NAMES.index(name)).sum())
    return percent_text(count / truth.size) if count else glossary.ABSENT


def _model_table(photo: Photo, views: Sequence[ModelView]) -> None:
    """Show the figures of several models, a row each."""
    rows = []
    for view in views:
        model, summary = view.model, view.summary
        row = {
            "model": model.id,
            "parameters": f"{model.parameters / 1e6:.1f} million" if model.parameters else glossary.ABSENT,
            "input size": f"{glossary.size(model.config.image_size)} pixels",
            "trained on": model.data,
            "mean confidence": f"{100 * summary.mean_confidence:.0f} %",
        }
        if photo.truth is not None:
            row["pixel accuracy"] = glossary.score(view.accuracy)
        rows.append(row | {"predict": _duration(summary.milliseconds)})
    frame, alt = pd.DataFrame(rows), "The models with their confidence and speed"
    st.dataframe(frame, hide_index=True, height="content", key="predict_models_table", alt=alt)
    st.caption(
        f"Decoding the photo took {_duration(photo.decode_ms)}, encoding it for the browser "
        f"{_duration(photo.encode_ms)}. The images zoom together."
    )


def _share_table(photo: Photo, views: Sequence[ModelView]) -> None:
    """Show the shares of all classes, a column per model, in the order of the first model's shares."""
    names = list(dict.fromkeys(name for view in views for name in view.summary.shares))
    columns: dict[str, list[str]] = {"class": names}
    if photo.truth is not None:
        columns["ground truth"] = [_truth_share(photo.truth, name) for name in names]
    for view in views:
        shares = view.summary.shares
        columns[view.model.id] = [
            " · ".join(filter(None, (percent_text(shares[name]), _object_count(view, name)))) if name in shares else "–"
            for name in names
        ]
    with st.expander(f"Class shares: {len(names)} classes", icon=":material/table:"):
        frame, alt = pd.DataFrame(columns), "Class shares of each model"
        st.dataframe(frame, hide_index=True, height="content", key="predict_shares_table", alt=alt)
        st.caption("Share of the image and approximate number of objects; touching objects count as one.")
