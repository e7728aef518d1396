"""Shared parts of the chart tabs: inputs for split and class, and links from a chart to its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from cityseg.analysis.dataset.frame_table import NAME, FrameFilter, most_of
from cityseg.api.types import SPLITS, Split, SplitStatistics, joined
from cityseg.classes import CLASS_NAMES
from cityseg.markdown import escape
from cityseg.ui.app import history, reveal, url_state
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.dataset import filters

Statistics = Mapping[Split, SplitStatistics]
Point = Mapping[str, Any]
_ALL = "all frames"
CLASS_KEY = "data_class"


def chart(figure: go.Figure, key: str, alt: str, on_click: Callable[[Point], None] | None = None) -> None:
    """Show a figure without a tool bar; ``on_click`` is called with the clicked point."""

    def forward() -> None:
        points = st.session_state[key].selection.points
        if points and on_click:
            on_click(points[0])

    clicks: dict[str, Any] = {"on_select": forward, "selection_mode": "points"} if on_click else {}
    st.plotly_chart(figure, key=key, config={"displayModeBar": False}, alt=alt, **clicks)


def title(words: str, how_to_read: str) -> None:
    """Show a chart's title with a help icon that says how to read it."""
    st.header(words, anchor=False, help=how_to_read)


def show_frames(wanted: FrameFilter) -> None:
    """Open the Browse tab with a filter; to be called from a callback."""
    url_state.request("tab", "Browse")
    filters.put(wanted)
    history.record("frame", None)
    reveal.request(filters.PART)


def show_city(point: Point, order: str = NAME) -> None:
    """Open the frames of a clicked (split, city)."""
    if data := point.get("customdata"):
        show_frames(FrameFilter(splits=(data[0],), cities=(data[1],), order=order))


def with_class(name: str, splits: tuple[Split, ...] = ()) -> FrameFilter:
    """Return a filter for the frames with a class, largest share first."""
    return FrameFilter(splits=splits, classes=(name,), order=most_of(name))


def choose_split(counted: Statistics) -> tuple[SplitStatistics, tuple[Split, ...]]:
    """Show the input for all frames or one split; return its statistics and the splits of a filter, empty for all."""
    options = [_ALL, *(split for split in SPLITS if split in counted)]
    chosen = choose_option(
        st.segmented_control, "Frames", options, "data_of", "of", label_visibility="collapsed", omit_default=True
    )
    splits = tuple(split for split in counted if split == chosen)
    return (counted[splits[0]] if splits else joined([*counted.values()])), splits


def choose_class(options: Sequence[int], splits: tuple[Split, ...], key: str) -> tuple[int, str]:
    """Show the input for a class, which the tabs share, and a button that opens its frames, largest share first.

    Args:
        options: train ids to choose from, at least one.
        splits: of the frames; empty for all.
        key: of the button.
    """
    names = [CLASS_NAMES[index] for index in options]
    default = "car" if "car" in names else names[0]
    name = choose_option(
        st.selectbox, "Class", names, CLASS_KEY, "class", default, label_visibility="collapsed", width=220
    )
    icon, wanted = ":material/photo_library:", with_class(name, splits)
    if st.button(f"Frames with {escape(name)}", icon=icon, key=key, on_click=show_frames, args=(wanted,)):
        # Rerun the whole page: the tabs are outside the fragment of this button.
        st.rerun()
    return CLASS_NAMES.index(name), name


def set_class(name: str) -> None:
    """Choose a class before its input is created."""
    st.session_state[CLASS_KEY] = name


def absent_classes(statistics: SplitStatistics) -> list[str]:
    """Return the names of the classes that no frame contains."""
    return [name for name, frames in zip(CLASS_NAMES, statistics.frequency, strict=True) if not frames]
