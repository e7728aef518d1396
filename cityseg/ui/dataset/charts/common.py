"""What the chart tabs share: which frames and which class they speak of, and the way from a chart to its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameFilter
from cityseg.api.types import SPLITS, Split, SplitStatistics, joined
from cityseg.classes import CLASS_NAMES
from cityseg.ui.app import session
from cityseg.ui.dataset import filters

Statistics = Mapping[Split, SplitStatistics]
Point = Mapping[str, Any]
_ALL = "all frames"
_OF, _CLASS = "data_of", "data_class"


def is_dark() -> bool:
    """Whether the visitor looks at a dark page."""
    return bool(st.context.theme.type == "dark")


def chart(figure: go.Figure, key: str, alt: str, on_click: Callable[[Point], None] | None = None) -> None:
    """Show a figure without a tool bar.

    Args:
        figure: what to show.
        key: Streamlit key, unique on the page.
        alt: what it shows, for those who do not see it.
        on_click: called with the point that was clicked, before the page is drawn anew.
    """

    def forward() -> None:
        points = st.session_state[key].selection.points
        if points and on_click:
            on_click(points[0])

    config = {"displayModeBar": False}
    if on_click is None:
        st.plotly_chart(figure, key=key, config=config, alt=alt)
    else:
        st.plotly_chart(figure, key=key, config=config, alt=alt, on_select=forward, selection_mode="points")


def title(words: str, how_to_read: str) -> None:
    """Show a chart's title and the sentence that says how to read it."""
    st.subheader(words, anchor=False)
    st.caption(how_to_read)


def show_frames(query: FrameFilter) -> None:
    """Lead to the frames behind a figure (for callbacks)."""
    st.session_state["tab"] = "Browse"
    filters.put(query)
    session.remember("frame", None)


def some_frames(counted: Statistics) -> tuple[SplitStatistics, tuple[Split, ...]]:
    """Let the visitor choose all frames or one split.

    Returns:
        Their statistics, and the chosen split as a query names it: nothing for all frames.
    """
    options = [_ALL, *(split for split in SPLITS if split in counted)]
    if st.session_state.get(_OF) not in options:
        st.session_state[_OF] = session.remembered("of", options) or _ALL
    chosen = st.segmented_control(
        "Counted over", options, required=True, key=_OF, persist_state="session", label_visibility="collapsed"
    )
    session.remember("of", None if chosen == _ALL else chosen)
    for split in SPLITS:
        if split == chosen:
            return counted[split], (split,)
    return joined([*counted.values()]), ()


def chosen_class(options: Sequence[int]) -> int:
    """Let the visitor choose a class of which a tab shows more; the tabs share the choice.

    Args:
        options: train ids to choose from, at least one.
    """
    names = [CLASS_NAMES[index] for index in options]
    if st.session_state.get(_CLASS) not in names:
        usual = "car" if "car" in names else names[0]
        st.session_state[_CLASS] = session.remembered("class", names) or usual
    name = st.selectbox("Class", names, key=_CLASS, persist_state="session", label_visibility="collapsed", width=220)
    session.remember("class", name)
    return CLASS_NAMES.index(name)


def choose_class(name: str) -> None:
    """Choose the class from elsewhere than its box (before that is drawn)."""
    st.session_state[_CLASS] = name


def frames_button(name: str, splits: tuple[Split, ...], key: str) -> None:
    """Show a button that leads to the frames with a class, fullest first."""
    query = FrameFilter(splits=splits, classes=(name,), order=f"most {name}")
    if st.button(f"Frames with {name}", icon=":material/photo_library:", key=key, on_click=show_frames, args=(query,)):
        # Tabs are drawn outside the fragment that this button may stand in.
        st.rerun()
