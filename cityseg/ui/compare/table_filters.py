"""Which rows and columns of the table of results are shown: search, state, group, and the choice of columns."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.api import Result
from cityseg.ui.app import glossary, session

_FIND, _STATES, _GROUPS, _COLUMNS = "find", "states", "groups", "columns"
_FIRST_COLUMNS = "columns on arrival"
_FIXED = ("Baseline", "Name")


def narrowed(everything: dict[str, Result]) -> dict[str, Result]:
    """Let the user search and filter the results; return those that are left."""
    words = st.text_input(
        "Find",
        key=_FIND,
        bind="query-params",
        placeholder="name, data or setting",
        icon=":material/search:",
        width=230,
        help="All of the words must occur in the name, the state, the data, the group or a setting of the result.",
    )
    states = _several("State", _STATES, [_state(result) for result in everything.values()])
    groups = _several("Group", _GROUPS, [result.config.group for result in everything.values() if result.config.group])
    wanted = words.lower().split()
    return {
        name: result
        for name, result in everything.items()
        if (not states or _state(result) in states)
        and (not groups or result.config.group in groups)
        and (not wanted or _has(name, result, wanted))
    }


def columns(everything: Sequence[str], default: Sequence[str]) -> list[str]:
    """Let the user choose the table's columns; the name always stands first."""
    optional = [column for column in everything if column not in _FIXED]
    usual = [column for column in optional if column in default]
    # As a default, not through the session: what a popover holds is built when it is opened, and would then be empty.
    first = st.session_state.setdefault(_FIRST_COLUMNS, st.query_params.get(_COLUMNS, ""))
    with st.popover("Columns", icon=":material/view_column:"):
        chosen = st.multiselect(
            "Columns of the table",
            optional,
            default=[column for column in optional if column in first.split(",")] or usual,
            key=_COLUMNS,
            persist_state="session",
            help="Scores, and every setting of the recipes.",
        )
    in_order = [column for column in optional if column in chosen]
    session.remember(_COLUMNS, None if in_order == usual else ",".join(in_order) or None)
    return [column for column in everything if column in _FIXED or column in chosen]


def _several(label: str, key: str, values: Sequence[str]) -> list[str]:
    """Ask for some of the values, where there are several to choose from; nothing means all of them."""
    options = sorted(set(values))
    if len(options) < 2:
        return []
    chosen: list[str] = st.multiselect(
        label,
        options,
        key=key,
        bind="query-params",
        placeholder="all",
        width=200,
        help=f"Show only these: {label.lower()}.",
    )
    return chosen


def _state(result: Result) -> str:
    return "shipped" if result.source == "shipped" else result.state


def _has(name: str, result: Result, wanted: Sequence[str]) -> bool:
    config = result.config.model_dump()
    settings = (f"{glossary.label(field)} {glossary.setting(field, value)}" for field, value in config.items())
    text = " ".join([name, _state(result), result.data, *settings]).lower()
    return all(word in text for word in wanted)
