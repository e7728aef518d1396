"""The Sizes tab: object sizes and object counts per frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from cityseg.api import DataInfo
from cityseg.api.types import SplitStatistics
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.classes import percent
from cityseg.figures.dataset.objects import object_sizes, objects_per_frame, size_histogram, size_order
from cityseg.markdown import escape
from cityseg.ui.app import history, session
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.dataset.charts import common

_AREAS = {"1": "all objects", "4": "from 4 px", "16": "from 16 px", "64": "from 64 px"}
_SPECKS = "4"
"""Least area, in pixels, of the objects shown at first: smaller ones are mostly specks between two classes."""
_AREA_SETTINGS: dict[str, Any] = {"label_visibility": "collapsed", "width": 150, "omit_default": True}
_TINY = 16
"""Pixels of one cell of the feature map after two halvings of the frame."""


@history.fragment
def show(_info: DataInfo, counted: common.Statistics) -> None:
    """Show the object sizes of all classes, and one class in detail."""
    bar = st.container(horizontal=True, vertical_alignment="center")
    with bar:
        whole, splits = common.choose_split(counted)
        least = int(choose_option(st.selectbox, "Minimum area", _AREAS, "data_area", "area", _SPECKS, **_AREA_SETTINGS))
    statistics = replace(whole, objects=whole.objects.at_least(least))
    hidden = len(whole.objects) - len(statistics.objects)
    order = size_order(statistics)
    if not order:
        st.info("These frames have no labelled pixels.", icon=":material/visibility_off:")
        return
    height, width = statistics.size
    with bar:
        train_id, name = common.choose_class(order, splits, "sizes_frames")
    left, right = st.columns(2, gap="medium")
    with left:
        common.title(
            "Object sizes",
            "The bar covers the middle half of a class's objects, the line 90 %, and the mark is the median; each "
            "grid line is ten times the previous one. Classes with instances are above the dotted line. Click a bar "
            "to see its class on the right.  \n"
            f"An object is a connected region of one class at {width} × {height} px: adjacent cars that touch are one "
            "object, and a car behind a pole is two.",
        )
        figure = object_sizes(statistics, order, session.palette())
        common.chart(figure, "object_sizes", "Distribution of each class's object areas, on a log scale", _choose)
        st.caption(
            f"{hidden:,} of {len(whole.objects):,} objects are smaller than {least} px and left out: specks at the "
            "borders of larger objects, most of them."
        )
    with right:
        common.title(
            f"Objects of {escape(name)}",
            "First chart: number of objects by area, each bin twice as wide as the previous one. Second chart: number "
            "of frames by their number of objects.",
        )
        st.caption(_summary(statistics, train_id))
        figure = size_histogram(statistics, train_id, session.palette())
        common.chart(figure, "size_histogram", f"Number of {name} objects by area, on a log scale")
        figure = objects_per_frame(statistics, train_id, session.palette())
        common.chart(figure, "objects_per_frame", f"Number of frames by their number of {name} objects")


def _summary(statistics: SplitStatistics, train_id: int) -> str:
    """Return number and size of the objects of a class."""
    area = statistics.objects.areas(train_id)
    frames = int(statistics.frequency[train_id])
    median = percent(float(np.median(area)) / (statistics.size[0] * statistics.size[1]))
    return (
        f"**{len(area):,}** objects in {frames:,} frames, {len(area) / frames:.1f} per frame. The median object covers "
        f"{median} of the frame; {percent(float((area < _TINY).mean()))} are smaller than {_TINY} px and easily lost "
        "when a network reduces the resolution."
    )


def _choose(point: common.Point) -> None:
    if (name := point.get("y")) in CLASS_NAMES:
        common.set_class(name)
