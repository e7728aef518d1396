"""The frame navigator: a strip of thumbnails, a list by name, previous and next; the URL keeps the chosen frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from cityseg.api.types import Split
from cityseg.ui.app import session, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.common.viewer import ViewerEvent

_PARAMETER = "frame"
_STRIP = 6
"""Thumbnails shown at a time."""


def choose_frame(
    names: Sequence[str],
    key: str,
    *,
    label: str = "Frame",
    split: Split | None = None,
    caption: Callable[[int], tuple[str, str]] | None = None,
    note: str = "",
    target: str = "",
) -> str:
    """Show the navigator and return the name of the chosen frame.

    Args:
        names: frames in the order of previous and next; not empty.
        key: prefix of the widget keys: ``{key}_frame`` (the list), ``{key}_previous``, ``{key}_next``, ``{key}_strip``.
        label: title of the list; the position is added to it.
        split: split of the connected data that holds the frames; without it no thumbnails are shown.
        caption: returns title and second line of a thumbnail for a position in ``names``; by default number and name.
        note: caption under the thumbnails.
        target: key of the container that shows the frame; a click on a thumbnail scrolls it into view.
    """
    place = names.index(url_state.settle(_key(key), _PARAMETER, names, names[0]))
    if split is not None:
        captions = caption or (lambda rank: (f"{rank + 1}", names[rank]))
        clicked = _thumbnails(names, key, label, split, place, captions, target)
        if clicked and clicked != names[place]:
            url_state.request(_key(key), clicked)
            st.rerun()
        if note:
            st.caption(note)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    title = f"{label}: number {place + 1:,} of {len(names):,}"
    name = left.selectbox(title, names, key=_key(key), persist_state="session")
    url_state.keep(_PARAMETER, name)
    with right:
        step_buttons(key, _key(key), place, len(names))
    return name


def step_buttons(prefix: str, key: str, place: int, count: int) -> None:
    """Show buttons ``{prefix}_previous`` and ``{prefix}_next`` that step through the ``count`` options of ``key``."""
    with st.container(horizontal=True, gap="small"):
        for text, icon, step, end in (("Previous", "left", -1, 0), ("Next", "right", 1, count - 1)):
            st.button(
                text,
                icon=f":material/chevron_{icon}:",
                key=f"{prefix}_{text.lower()}",
                on_click=url_state.step,
                args=(key, step),
                disabled=place == end,
                width="stretch",
            )


def steps(event: ViewerEvent | None) -> int:
    """Return the frames to move after a viewer's event: 1 for next, -1 for previous, else 0."""
    return {"next": 1, "previous": -1}.get(event.kind, 0) if event else 0


def follow_viewer(event: ViewerEvent | None, key: str) -> None:
    """Move the navigator ``key`` and rerun the page if the user pressed previous or next in a viewer."""
    if count := steps(event):
        url_state.step(_key(key), count)
        st.rerun()


def restart(key: str) -> None:
    """Go to the first frame in the next run, for instance because the order changes."""
    # No frame has this name, and an unknown name falls back to the first.
    url_state.request(_key(key), "")


def _key(prefix: str) -> str:
    return f"{prefix}_frame"


def _thumbnails(
    names: Sequence[str],
    key: str,
    label: str,
    split: Split,
    place: int,
    caption: Callable[[int], tuple[str, str]],
    target: str,
) -> str | None:
    """Show the thumbnails around ``place``; return the name of a clicked one."""
    start = place // _STRIP * _STRIP
    ranks = range(start, min(start + _STRIP, len(names)))
    spec = session.data_spec()
    cells = [Thumbnail(names[rank], *caption(rank), frames.thumbnail(spec, split, names[rank])) for rank in ranks]
    description = f"{label}: {ranks.start + 1} to {ranks.stop} of {len(names)}"
    return gallery(cells, key=f"{key}_strip", label=description, chosen=names[place], cell=140, target=target)
