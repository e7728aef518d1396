"""Where in the frame each class lies."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.api import DataInfo
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.figures.dataset.classes import percent
from cityseg.figures.dataset.spatial_prior import class_prior, most_frequent_class, prior_image
from cityseg.ui.app import session
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.dataset.charts.common import (
    Statistics,
    chart,
    choose_class,
    chosen_class,
    frames_button,
    is_dark,
    some_frames,
    title,
)


@st.fragment
def where_tab(info: DataInfo, counted: Statistics) -> None:
    """Show the place of one class, the class of every place, and all classes small."""
    bar = st.container(horizontal=True, vertical_alignment="center")
    with bar:
        statistics, splits = some_frames(counted)
    prior = statistics.prior
    present = [index for index in range(NUM_CLASSES) if statistics.frequency[index]]
    if not present:
        st.info("These frames carry no labels that are scored.", icon=":material/visibility_off:")
        return
    left, right = st.columns(2, gap="medium")
    # The grid stands below but is read first: a click in it decides what the chart above shows.
    title("All classes", "The same map for every class, each on its own scale. Click one to see it large.")
    if clicked := _gallery(info, prior, present):
        choose_class(clicked)
    with bar:
        train_id = chosen_class(present)
        frames_button(CLASS_NAMES[train_id], splits, "where_frames")
    with left:
        title(
            f"Where {CLASS_NAMES[train_id]} lies",
            "The stronger the colour, the more frames have the class at this place; the scale ends at its most "
            "frequent place.",
        )
        chart(
            class_prior(prior, train_id, session.palette(), dark=is_dark()),
            "where_class",
            f"Map of how often each place of the frame is {CLASS_NAMES[train_id]}",
        )
    with right:
        title(
            "The usual frame",
            "Every place in the colour of the class it holds most often: the answer of a model that knows places only. "
            "Empty is mostly void.",
        )
        chart(
            most_frequent_class(prior, session.palette()),
            "where_usual",
            "Most frequent class of every place of the frame",
        )


def _gallery(info: DataInfo, prior: np.ndarray, present: list[int]) -> str | None:
    height, width = info.native_size
    cells = [
        Thumbnail(
            CLASS_NAMES[index],
            CLASS_NAMES[index],
            f"at most {percent(float(prior[index].max()))}",
            encode_thumbnail(prior_image(prior, index, session.palette(), dark=is_dark()).repeat(4, 0).repeat(4, 1)),
        )
        for index in present
    ]
    return gallery(
        cells,
        key="where_all",
        label="Maps of all classes",
        chosen=st.session_state.get("data_class"),
        aspect=2.0 if frames.is_squashed(info) else width / height,
        cell=150,
    )
