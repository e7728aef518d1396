"""The Spatial heatmaps tab."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.api import DataInfo
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.figures.dataset.classes import percent
from cityseg.figures.dataset.spatial_prior import class_prior, most_frequent_class, prior_image
from cityseg.markdown import escape
from cityseg.ui.app import history, session
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.dataset.charts import common


@history.fragment
def show(info: DataInfo, counted: common.Statistics) -> None:
    """Show the heat map of one class, the most frequent class per pixel, and small heat maps of all classes."""
    bar = st.container(horizontal=True, vertical_alignment="center")
    with bar:
        statistics, splits = common.choose_split(counted)
    prior = statistics.prior
    present = [index for index in range(NUM_CLASSES) if statistics.frequency[index]]
    if not present:
        st.info("These frames have no labelled pixels.", icon=":material/visibility_off:")
        return
    left, right = st.columns(2, gap="medium")
    # The gallery is below the charts but created first, because a click in it changes the chart above.
    common.title("All classes", "Heat maps of all classes, each on its own scale. Click one to enlarge it.")
    if clicked := _gallery(info, prior, present):
        common.set_class(clicked)
    with bar:
        train_id, name = common.choose_class(present, splits, "where_frames")
    with left:
        common.title(
            f"Spatial heatmap of {escape(name)}",
            "The stronger the colour, the more frames have the class at this position; the scale ends at the most "
            "frequent position.",
        )
        figure = class_prior(prior, train_id, session.palette(), dark=session.is_dark())
        common.chart(figure, "where_class", f"Heat map of how often each position of the frame is {name}")
    with right:
        common.title(
            "Most frequent class per pixel",
            "The best prediction of a model that knows only the position. Empty cells are mostly void.",
        )
        figure = most_frequent_class(prior, session.palette())
        common.chart(figure, "where_usual", "Most frequent class of every position of the frame")


def _gallery(info: DataInfo, prior: np.ndarray, present: list[int]) -> str | None:
    cells = []
    for index in present:
        image = prior_image(prior, index, session.palette(), dark=session.is_dark()).repeat(4, 0).repeat(4, 1)
        name, note = CLASS_NAMES[index], f"at most {percent(float(prior[index].max()))}"
        cells.append(Thumbnail(name, name, note, encode_thumbnail(image)))
    return gallery(
        cells,
        key="where_all",
        label="Heat maps of all classes",
        chosen=st.session_state.get("data_class"),
        aspect=frames.aspect(info),
        cell=150,
    )
