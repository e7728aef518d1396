"""Shared parts of the chart tabs: inputs for split and class, and links from a chart to its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameFilter, most_of
from cityseg.api.types import SPLITS, Split, SplitStatistics, joined
from cityseg.classes import CLASS_NAMES
from cityseg.ui.app import session
from cityseg.ui.dataset import filters

Statistics = Mapping[Split, SplitStatistics]
Point = Mapping[str, Any]
_ALL = "all frames"
_OF, _CLASS = "data_of", "data_class"


def is_dark() -> bool:
    """Whether the page uses the dark theme."""
    return bool(st.context.theme.type == "dark")


def as_splits(name: str) -> tuple[Split, ...]:
    """Return a split for a filter; empty if ``name`` is not a split."""
    return tuple(split for split in SPLITS if split == name)


def chart(figure: go.Figure, key: str, alt: str, on_click: Callable[[Point], None] | None = None) -> None:
    """Show a figure without a tool bar.

    Args:
        figure: the figure.
        key: Streamlit key, unique on the page.
        alt: alternative text.
        on_click: callback with the clicked point.
    """

    def forward() -> None:
        points = st.session_state[key].selection.points
        if points and on_click:
            on_click(points[0])

    clicks: dict[str, Any] = {"on_select": forward, "selection_mode": "points"} if on_click else {}
    st.plotly_chart(figure, key=key, config={"displayModeBar": False}, alt=alt, **clicks)


def title(words: str, how_to_read: str) -> None:
    """Show a chart's title and a sentence on how to read it."""
    st.subheader(words, anchor=False)
    st.caption(how_to_read)


def show_frames(wanted: FrameFilter) -> None:
    """Open the Browse tab with a filter; to be called from a callback."""
    st.session_state["tab"] = "Browse"
    filters.put(wanted)
    session.set_url("frame", None)


def choose_split(counted: Statistics) -> tuple[SplitStatistics, tuple[Split, ...]]:
    """Show the input for all frames or one split.

    Returns:
        The chosen statistics, and the split for a filter: empty for all frames.
    """
    options = [_ALL, *(split for split in SPLITS if split in counted)]
    if st.session_state.get(_OF) not in options:
        st.session_state[_OF] = session.url_option("of", options) or _ALL
    chosen = st.segmented_control(
        "Frames", options, required=True, key=_OF, persist_state="session", label_visibility="collapsed"
    )
    session.set_url("of", None if chosen == _ALL else chosen)
    splits = as_splits(str(chosen))
    return (counted[splits[0]] if splits else joined([*counted.values()])), splits


def chosen_class(options: Sequence[int]) -> int:
    """Show the input for a class; the tabs share the choice.

    Args:
        options: train ids to choose from, at least one.
    """
    names = [CLASS_NAMES[index] for index in options]
    if st.session_state.get(_CLASS) not in names:
        default = "car" if "car" in names else names[0]
        st.session_state[_CLASS] = session.url_option("class", names) or default
    name = st.selectbox("Class", names, key=_CLASS, persist_state="session", label_visibility="collapsed", width=220)
    session.set_url("class", name)
    return CLASS_NAMES.index(name)


def choose_class(name: str) -> None:
    """Set the chosen class before its input is created."""
    st.session_state[_CLASS] = name


def frames_button(name: str, splits: tuple[Split, ...], key: str) -> None:
    """Show a button that opens the frames with a class, largest share first."""
    wanted = FrameFilter(splits=splits, classes=(name,), order=most_of(name))
    if st.button(f"Frames with {name}", icon=":material/photo_library:", key=key, on_click=show_frames, args=(wanted,)):
        # Rerun the whole page: the tabs are outside the fragment of this button.
        st.rerun()
