"""How large objects are, and how many a frame holds."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.api.types import SplitStatistics
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.classes import percent
from cityseg.figures.dataset.objects import object_sizes, objects_per_frame, size_histogram, size_order
from cityseg.ui.app import session
from cityseg.ui.dataset.charts.common import (
    Point,
    Statistics,
    chart,
    choose_class,
    chosen_class,
    frames_button,
    some_frames,
    title,
)

_TINY = 16
"""Pixels of one cell of what a network sees after halving the frame twice in each direction."""


@st.fragment
def sizes_tab(counted: Statistics) -> None:
    """Show the sizes of all classes' objects side by side, and of one class in detail."""
    bar = st.container(horizontal=True, vertical_alignment="center")
    with bar:
        statistics, splits = some_frames(counted)
    order = size_order(statistics)
    if not order:
        st.info("These frames carry no labels that are scored.", icon=":material/visibility_off:")
        return
    height, width = statistics.size
    with bar:
        train_id = chosen_class(order)
        frames_button(CLASS_NAMES[train_id], splits, "sizes_frames")
    left, right = st.columns(2, gap="medium")
    with left:
        title(
            "How large objects are",
            "Half of a class's objects lie within its bar, nine in ten within the line, the usual one at the mark; "
            "every grid line is ten times the one before. Above the dotted line are classes that can be counted. Click "
            "a bar to see its class on the right.",
        )
        chart(
            object_sizes(statistics, order, session.palette()),
            "object_sizes",
            "Spread of the areas of each class's objects, on a log scale",
            _choose,
        )
        st.caption(
            f"An object is a connected patch of one class, counted at {width} × {height} px: neighbouring cars that "
            "touch are one, and a car behind a pole is two."
        )
    with right:
        title(f"Objects of {CLASS_NAMES[train_id]}", _sentence(statistics, train_id))
        chart(
            size_histogram(statistics, train_id, session.palette()),
            "size_histogram",
            f"Number of {CLASS_NAMES[train_id]} objects by area, on a log scale",
        )
        chart(
            objects_per_frame(statistics, train_id, session.palette()),
            "objects_per_frame",
            f"Number of frames by how many {CLASS_NAMES[train_id]} objects they hold",
        )


def _sentence(statistics: SplitStatistics, train_id: int) -> str:
    """Say how many objects there are, how large, and how to read the charts below."""
    area = statistics.objects.areas(train_id)
    frames = int(statistics.frequency[train_id])
    height, width = statistics.size
    tiny = float((area < _TINY).mean())
    usual = percent(float(np.median(area)) / (height * width))
    return (
        f"**{len(area):,}** objects in {frames:,} frames, {len(area) / frames:.1f} per frame. The usual one "
        f"covers {usual} of the frame; {percent(tiny)} are smaller than {_TINY} px, easily lost when a network shrinks "
        "the frame. First chart: how many objects have which area, each bar twice that of the bar before. Second: how "
        "many frames hold how many of them."
    )


def _choose(point: Point) -> None:
    if (name := point.get("y")) in CLASS_NAMES:
        choose_class(name)
