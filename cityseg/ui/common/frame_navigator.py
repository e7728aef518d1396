"""Going through frames in an order: a strip of six, previous and next, and by name; kept in the address."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.api.types import Split
from cityseg.ui.app import session, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, gallery

KEY = "flips_frame"
_PARAMETER = "frame"
FIRST = "the first one"
"""Wish for the head of the order; no frame is called so, and an unknown name falls back to the first."""
_STRIP = 6


@dataclass(frozen=True)
class Walk:
    """Frames in the order they are looked at.

    Attributes:
        words: what comes first: "most broken".
        names: (N) frames in stored order.
        order: (K,) positions in ``names``.
        notes: by position: the figure that is written under the frame.
        table: the order with its figures, a row per frame.
        reading: what the figures under the frames say.
    """

    words: str
    names: tuple[str, ...]
    order: np.ndarray
    notes: dict[int, str]
    table: pd.DataFrame
    reading: str


def choose(walk: Walk, split: Split, *, with_pictures: bool) -> str:
    """Show the strip and the way through it; return the frame's name.

    Args:
        walk: the frames; not empty.
        split: where the connected data holds them.
        with_pictures: whether it does.
    """
    names = [walk.names[position] for position in walk.order]
    place = names.index(url_state.settle(KEY, _PARAMETER, names, names[0]))
    if with_pictures:
        clicked = _strip(walk, split, names, place)
        if clicked and clicked != names[place]:
            url_state.wish(KEY, clicked)
            st.rerun()
        st.caption(walk.reading)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        name = st.selectbox(
            f"Frame, {walk.words} first: number {place + 1:,} of {len(names):,}",
            names,
            key=KEY,
            persist_state="session",
        )
    url_state.keep(KEY, _PARAMETER, name)
    with right.container(horizontal=True, gap="small"):
        for words, icon, steps, end in (("Previous", "left", -1, 0), ("Next", "right", 1, len(names) - 1)):
            st.button(
                words,
                icon=f":material/chevron_{icon}:",
                key=f"flips_{words.lower()}",
                on_click=url_state.walk,
                args=(KEY, steps),
                disabled=place == end,
                width="stretch",
            )
    return name


def _strip(walk: Walk, split: Split, names: list[str], place: int) -> str | None:
    start = place // _STRIP * _STRIP
    shown = range(start, min(start + _STRIP, len(names)))
    spec = session.data_spec()
    thumbnails = [
        Thumbnail(
            names[rank],
            walk.notes[int(walk.order[rank])],
            f"{rank + 1}. {names[rank]}",
            frames.thumbnail(spec, split, names[rank]),
        )
        for rank in shown
    ]
    label = f"Frames {shown.start + 1} to {shown.stop} of {len(names)}, {walk.words} first"
    return gallery(thumbnails, key="flips_strip", label=label, chosen=names[place], cell=140)
