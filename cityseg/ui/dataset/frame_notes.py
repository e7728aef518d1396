"""Tags of frames and saved views on the Browse tab."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from cityseg import api
from cityseg.analysis.dataset.frame_table import FrameFilter
from cityseg.api import DataInfo, FrameNotes
from cityseg.api.data.frame_notes import FrameKey
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, history
from cityseg.ui.common.callbacks import attempt, show_error
from cityseg.ui.dataset import filters

_TAG_PROBLEM, _VIEW_PROBLEM = "data_tag_problem", "data_view_problem"
_NAME, _ADDED = "data_view_name", "data_tags_added"


def read(info: DataInfo) -> FrameNotes:
    """Return the notes about the connected data; damaged ones are reported and count as none."""
    try:
        return api.read_frame_notes(cache.dataset(info.spec))
    except CitysegError as error:
        st.warning(escape(error), icon=":material/label_off:")
        return FrameNotes()


def toolbar(info: DataInfo, notes: FrameNotes, wanted: FrameFilter, frames: Sequence[FrameKey]) -> None:
    """Show the saved views, to open, save and delete them, the tags for all filtered frames, and their download."""
    label = f"Views ({len(notes.views)})" if notes.views else "Views"
    with st.container(horizontal=True, gap="small"):
        with st.popover(label, icon=":material/bookmark:", type="tertiary"):
            _saved(info, notes)
            with st.form("data_view_form", border=False):
                st.text_input("Save these filters as", key=_NAME, max_chars=api.LONGEST_VIEW_NAME)
                save = partial(_save, info, filters.to_address(wanted))
                st.form_submit_button(
                    "Save", icon=":material/bookmark_add:", on_click=attempt, args=(_VIEW_PROBLEM, save)
                )
            show_error(_VIEW_PROBLEM)
            st.markdown("**Link to this view**")
            st.code(history.link(), language=None, wrap_lines=True)
        if frames:
            _tag_several(info, notes, frames)
        if notes.tags:
            st.download_button(
                f"Tags of {glossary.counted(len(notes.tags), 'frame')}",
                partial(api.frame_tags_csv, info.spec),
                f"{info.name}-frame-tags.csv",
                "text/csv",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
                help="CSV with the split, the name, the tags and the files of every tagged frame.",
            )


def _saved(info: DataInfo, notes: FrameNotes) -> None:
    cities = [city for names in info.cities.values() for city in names]
    for number, (name, parameters) in enumerate(sorted(notes.views.items())):
        opened = filters.from_address(parameters, cities, notes.known_tags)
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            st.button(escape(name), key=f"data_view_{number}", type="tertiary", on_click=filters.put, args=(opened,))
            st.space("stretch")
            st.button(
                ":material/delete:",
                key=f"data_view_delete_{number}",
                type="tertiary",
                help=f"Delete the view {escape(name)}",
                on_click=attempt,
                args=(_VIEW_PROBLEM, api.delete_view, cache.dataset(info.spec), name),
            )


def _save(info: DataInfo, parameters: dict[str, str]) -> None:
    api.save_view(cache.dataset(info.spec), st.session_state[_NAME], parameters)
    st.session_state[_NAME] = ""


def tag_one(info: DataInfo, notes: FrameNotes, frame: FrameKey) -> None:
    """Show the tags of a frame, to change them; a change is stored at once."""
    current = notes.tags.get(frame, ())
    # A key of its own for every frame and its stored tags, so that the widget always shows what is stored.
    key = f"data_frame_tags_{hash((frame, current))}"
    st.multiselect(
        "Tags of this frame",
        notes.known_tags,
        current,
        key=key,
        accept_new_options=True,
        placeholder="Choose or type a tag",
        on_change=attempt,
        args=(_TAG_PROBLEM, partial(_store, info, frame, current, key)),
    )
    show_error(_TAG_PROBLEM)


def _store(info: DataInfo, frame: FrameKey, before: Sequence[str], key: str) -> None:
    after = st.session_state[key]
    api.tag_frames(cache.dataset(info.spec), [frame], add=after, remove=set(before) - set(after))


def _tag_several(info: DataInfo, notes: FrameNotes, frames: Sequence[FrameKey]) -> None:
    number = glossary.counted(len(frames), "frame")
    with st.popover(f"Tag {number}", icon=":material/sell:", type="tertiary"):
        st.multiselect(
            "Tags to add or remove",
            notes.known_tags,
            key=_ADDED,
            accept_new_options=True,
            placeholder="Choose or type a tag",
        )
        with st.container(horizontal=True, gap="small"):
            for label, add in (("Add", True), ("Remove", False)):
                st.button(
                    f"{label} for {number}",
                    key=f"data_tag_{label.lower()}",
                    on_click=attempt,
                    args=(_TAG_PROBLEM, partial(_tag_all, info, frames, add)),
                )


def _tag_all(info: DataInfo, frames: Sequence[FrameKey], add: bool) -> None:
    chosen = st.session_state[_ADDED]
    api.tag_frames(cache.dataset(info.spec), frames, **({"add": chosen} if add else {"remove": chosen}))
