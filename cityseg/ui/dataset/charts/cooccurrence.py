"""The Co-occurrence tab."""

from __future__ import annotations

import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameFilter, most_of
from cityseg.api import DataInfo
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.cooccurrence import cooccurrence_heatmap
from cityseg.markdown import escape
from cityseg.ui.app import session
from cityseg.ui.common.layout import scrolling_sideways
from cityseg.ui.dataset.charts import common

_PIXELS = 720
"""Least width at which the figures in the cells can be read."""


def show(_info: DataInfo, counted: common.Statistics) -> None:
    """Show, among the frames with one class, the share that also contains another."""
    common.title(
        "Co-occurrence of classes",
        "Each row shows, among the frames with the class on the left, the percentage that also contains the class "
        "above. A full column is a class that is in almost every frame. Click a cell to see the frames with both "
        "classes.",
    )
    statistics, splits = common.choose_split(counted)

    def to_frames(point: common.Point) -> None:
        first, second = point["customdata"][:2]
        if first in CLASS_NAMES and second in CLASS_NAMES:
            classes = tuple(dict.fromkeys((first, second)))
            common.show_frames(FrameFilter(splits=splits, classes=classes, order=most_of(first)))

    figure = cooccurrence_heatmap(statistics.cooccurrence, session.palette(), dark=session.is_dark())
    alt = "Table of the percentage of frames with one class that also contain another"
    with scrolling_sideways("together", _PIXELS):
        common.chart(figure, "together", alt, to_frames)
    if absent := common.absent_classes(statistics):
        st.caption(f"In none of these frames: {escape(', '.join(absent))}.")
