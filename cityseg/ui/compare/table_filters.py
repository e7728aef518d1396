"""Rows and columns of the table of results: search, state, group, and the choice of columns."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.api import Result
from cityseg.ui.app import glossary, url_state
from cityseg.ui.common.url_choice import choose_options, enter_text, switch

_FIND, _STATES, _GROUPS, _TAGS, _COLUMNS = "find", "states", "groups", "tags", "columns"
_ARCHIVED = "archived"
_FIXED = ("Baseline", "Name")


def filtered(everything: dict[str, Result]) -> dict[str, Result]:
    """Show search and filters; return the results that pass."""
    words = enter_text(
        "Find",
        _FIND,
        _FIND,
        placeholder="name, data or setting",
        icon=":material/search:",
        width=230,
        help="All of the words must occur in the name, state, data, group or a setting of the result.",
    )
    states = _choose_several("State", _STATES, [_state(result) for result in everything.values()])
    groups = [result.config.group for result in everything.values() if result.config.group]
    chosen = _choose_several("Group", _GROUPS, groups)
    tags = _choose_several("Tags", _TAGS, [tag for result in everything.values() for tag in result.notes.tags], least=1)
    archived = any(result.notes.archived for result in everything.values()) and switch(
        "Archived", f"compare_{_ARCHIVED}", _ARCHIVED, help="List archived results too."
    )
    return {
        name: result
        for name, result in everything.items()
        if (not states or _state(result) in states)
        and (not chosen or result.config.group in chosen)
        and set(tags) <= {*result.notes.tags}
        and (archived or not result.notes.archived)
        and _contains(name, result, words.lower().split())
    }


def choose_columns(everything: Sequence[str], default: Sequence[str]) -> list[str]:
    """Choose the table's columns; the name always comes first."""
    optional = [column for column in everything if column not in _FIXED]
    usual = [column for column in optional if column in default]
    key, text = url_state.arrival_key(_COLUMNS, _COLUMNS)
    linked = text.split(",")
    with st.popover("Columns", icon=":material/view_column:"):
        chosen = st.multiselect(
            "Columns of the table",
            optional,
            default=[column for column in optional if column in linked] or usual,
            key=key,
            persist_state="session",
            help="Scores, and every setting of the configs.",
        )
    in_order = [column for column in optional if column in chosen]
    url_state.keep(_COLUMNS, None if in_order == usual else ",".join(in_order) or None)
    return [column for column in everything if column in _FIXED or column in chosen]


def _choose_several(label: str, key: str, values: Sequence[str], least: int = 2) -> list[str]:
    """Choose some of the values, if there are at least ``least``; an empty choice means all."""
    options = sorted(set(values))
    if len(options) < least:
        return []
    help_text = f"Filter by {label.lower()}."
    return choose_options(label, options, key, key, separator=";", placeholder="all", width=200, help=help_text)


def _state(result: Result) -> str:
    return "shipped" if result.source == "shipped" else result.state


def _contains(name: str, result: Result, words: Sequence[str]) -> bool:
    config = result.config.model_dump()
    settings = (f"{glossary.label(field)} {glossary.setting(field, value)}" for field, value in config.items())
    words_of = (name, _state(result), result.data, result.measured_on, *result.notes.tags, result.notes.note, *settings)
    text = " ".join(words_of).lower()
    return all(word in text for word in words)
