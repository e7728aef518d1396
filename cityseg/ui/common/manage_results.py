"""A popover that edits what is noted about results (name, tags, note, archive) and deletes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from cityseg import api
from cityseg.api import Result
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary
from cityseg.ui.common.callbacks import attempt, show_error

_ACTIVE = ("queued", "running")


def edit(results: Sequence[Result], label: str, key: str, on_renamed: Callable[[str], None] | None = None) -> bool:
    """Show a popover that edits one result, or several at once; returns whether something was changed.

    ``on_renamed`` is called with a run's new id.
    """
    problem = f"{key}_problem"
    # Another selection, or a saved change, gets fresh widgets.
    state = f"{key}_{hash(tuple((result.id, result.notes) for result in results))}"
    pressed = False
    with st.popover(label, icon=":material/edit:", disabled=not results):
        if results:
            with st.form(f"{state}_form", border=False):
                save = _one(results[0], state, on_renamed) if len(results) == 1 else _several(results, state)
                pressed |= st.form_submit_button(
                    "Save", icon=":material/check:", type="primary", on_click=attempt, args=(problem, save)
                )
            pressed |= _archive(results, state, problem)
            pressed |= _delete(results, state, problem)
        refused = show_error(problem)
    return pressed and not refused


def _one(result: Result, state: str, on_renamed: Callable[[str], None] | None) -> Callable[[], None]:
    can_rename = result.source == "run" and not result.is_elsewhere and result.state not in _ACTIVE
    if can_rename:
        st.text_input("Name", result.id, key=f"{state}_name", help="The run's id, and the name of its folder.")
    _choose_tags("Tags", _known_tags(), f"{state}_tags", result.notes.tags)
    st.text_area("Note", result.notes.note, key=f"{state}_note", max_chars=api.LONGEST_NOTE, height=110)

    def save() -> None:
        tags = st.session_state[f"{state}_tags"]
        removed = set(result.notes.tags) - set(tags)
        api.annotate([result.id], add=tags, remove=removed, note=st.session_state[f"{state}_note"])
        if can_rename and (name := st.session_state[f"{state}_name"].strip()) != result.id:
            new = api.rename(result.id, name)
            if on_renamed:
                on_renamed(new)
        cache.refresh_results()

    return save


def _several(results: Sequence[Result], state: str) -> Callable[[], None]:
    present = sorted({tag for result in results for tag in result.notes.tags})
    _choose_tags("Add tags", _known_tags(), f"{state}_add")
    if present:
        _choose_tags("Remove tags", present, f"{state}_remove", new=False)

    def save() -> None:
        add, remove = st.session_state[f"{state}_add"], st.session_state.get(f"{state}_remove", ())
        api.annotate([result.id for result in results], add=add, remove=remove)
        cache.refresh_results()

    return save


def _choose_tags(
    label: str, options: Sequence[str], key: str, default: Sequence[str] = (), *, new: bool = True
) -> None:
    st.multiselect(
        label,
        options,
        default,
        key=key,
        accept_new_options=new,
        max_selections=api.MOST_TAGS,
        placeholder="Choose or type a tag" if new else "Choose tags",
    )


def _known_tags() -> list[str]:
    return sorted({tag for result in cache.all_results() for tag in result.notes.tags})


def _archive(results: Sequence[Result], state: str, problem: str) -> bool:
    archived = all(result.notes.archived for result in results)
    return st.button(
        "Restore from the archive" if archived else "Archive",
        icon=":material/unarchive:" if archived else ":material/archive:",
        key=f"{state}_archive",
        help="Archived results are hidden from lists; nothing is deleted.",
        on_click=attempt,
        args=(problem, partial(_set_archived, [result.id for result in results], not archived)),
    )


def _set_archived(names: Sequence[str], archived: bool) -> None:
    api.annotate(names, archived=archived)
    cache.refresh_results()


def _delete(results: Sequence[Result], state: str, problem: str) -> bool:
    """Offer to delete those of the results that can be: runs that have ended, and scores on other data."""
    names = [
        result.id
        for result in results
        if result.is_elsewhere or (result.source == "run" and result.state not in _ACTIVE)
    ]
    if not names:
        return False
    subject = escape(names[0]) if len(names) == 1 else f"{len(names)} results"
    if not st.checkbox(f"Delete {subject}", key=f"{state}_sure"):
        return False
    st.caption(f"{escape(', '.join(names))}: with weights, curves and scores. This cannot be undone.")
    return st.button(
        "Delete permanently",
        icon=":material/delete_forever:",
        key=f"{state}_delete",
        type="primary",
        on_click=attempt,
        args=(problem, partial(_delete_all, names)),
    )


def _delete_all(names: Sequence[str]) -> None:
    try:
        for name in names:
            api.delete(name)
    finally:
        cache.refresh_results()
    st.toast(f"Deleted {glossary.counted(len(names), 'result')}.", icon=":material/delete:")


def describe(result: Result) -> None:
    """Show the tags of a result as badges, and its note; nothing if it has neither."""
    notes = result.notes
    labels = [*notes.tags, *(["archived"] if notes.archived else [])]
    if labels:
        with st.container(horizontal=True, gap="xsmall"):
            for label in labels:
                st.badge(escape(label), color="gray")
    if notes.note:
        st.text(notes.note)
