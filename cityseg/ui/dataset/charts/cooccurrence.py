"""Which classes occur together."""

from __future__ import annotations

import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameFilter, most_of
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.cooccurrence import cooccurrence_heatmap
from cityseg.ui.app import session
from cityseg.ui.dataset.charts.common import Point, Statistics, chart, is_dark, show_frames, some_frames, title


def together_tab(counted: Statistics) -> None:
    """Show of the frames with one class how many hold another."""
    title(
        "What comes with what",
        "Read a row from left to right: of the frames that hold the class on the left, how many per cent hold the one "
        "above too. A full column is a class that is everywhere; a row that differs from the others is a class with "
        "company of its own. Click a cell to see the frames that hold both.",
    )
    statistics, splits = some_frames(counted)

    def to_frames(point: Point) -> None:
        first, second = point["customdata"][:2]
        if first in CLASS_NAMES and second in CLASS_NAMES:
            show_frames(FrameFilter(splits=splits, classes=tuple(dict.fromkeys((first, second))), order=most_of(first)))

    chart(
        cooccurrence_heatmap(statistics.cooccurrence, session.palette(), dark=is_dark()),
        "together",
        "Table of how many of the frames with one class hold another one, in per cent",
        to_frames,
    )
    absent = [name for name, frames in zip(CLASS_NAMES, statistics.frequency, strict=True) if not frames]
    if absent:
        st.caption(f"In none of these frames: {', '.join(absent)}.")
