"""Widgets whose choice is kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from cityseg.text import shortened, whole_number
from cityseg.ui.app import history, url_state

Choice = TypeVar("Choice", bound=str)
_ON = "yes"
_LONGEST = 44
"""Characters of an option; longer ones are shortened in the middle."""


def choose_option(
    widget: Callable[..., Any],
    label: str,
    options: Sequence[Choice] | Mapping[Choice, str],
    key: str,
    parameter: str,
    default: Choice | None = None,
    *,
    omit_default: bool = False,
    **settings: Any,
) -> Choice:
    """Show a widget with ``settings`` as further arguments and return the chosen option.

    Args:
        widget: ``st.selectbox``, ``st.segmented_control``, ``st.select_slider`` or the same method of a container.
        options: values to choose from; a mapping gives their labels.
        parameter: name of the choice in the URL.
        default: initial option, by default the first.
        omit_default: leave the initial option out of the URL; for options that are the same for all data.
    """
    values = list(options)
    initial = values[0] if default is None else default
    url_state.settle(key, parameter, values, initial)
    if isinstance(options, Mapping):
        settings["format_func"] = options.__getitem__
    elif widget.__name__ == "selectbox":
        settings.setdefault("format_func", lambda name: shortened(name, _LONGEST))
    if widget.__name__ == "segmented_control":
        settings["required"] = True
    # A segmented control can return None if it is clicked before it has a value.
    chosen: Choice = widget(label, values, key=key, persist_state="session", **settings) or initial
    url_state.keep(parameter, None if omit_default and chosen == initial else chosen)
    return chosen


def choose_options(
    label: str,
    options: Sequence[str],
    key: str,
    parameter: str,
    default: Sequence[str] = (),
    *,
    separator: str = ",",
    **settings: Any,
) -> list[str]:
    """Show a multiselect and return the chosen options; the URL omits the default and ``separator`` joins others."""
    url_state.settle_several(key, parameter, options, default, separator=separator)
    settings.setdefault("format_func", lambda name: shortened(name, _LONGEST))
    chosen: list[str] = st.multiselect(label, options, key=key, persist_state="session", **settings)
    url_state.keep(parameter, None if chosen == list(default) else separator.join(chosen))
    return chosen


def open_tabs(
    names: Sequence[Choice], key: str, parameter: str, former: Mapping[str, Choice] | None = None
) -> Iterator[Choice]:
    """Show tabs, and yield the open one inside its container.

    ``former`` maps names that older links use to those of today.
    """
    if renamed := (former or {}).get(history.read(parameter)):
        history.record(parameter, renamed)
    url_state.settle(key, parameter, names, names[0])
    containers = st.tabs(list(names), key=key, on_change="rerun")
    chosen = st.session_state[key]
    url_state.keep(parameter, None if chosen == names[0] else chosen)
    for name, container in zip(names, containers, strict=True):
        if container.open:
            with container:
                yield name


def switch(label: str, key: str, parameter: str, **settings: Any) -> bool:
    """Show a toggle, initially off."""
    linked = history.arriving(key, parameter)
    if linked is not None:
        st.session_state[key] = linked in (_ON, "true")
    turned_on: bool = st.toggle(label, key=key, persist_state="session", **settings)
    url_state.keep(parameter, _ON if turned_on else None)
    return turned_on


def enter_text(label: str, key: str, parameter: str, **settings: Any) -> str:
    """Show a text input, initially empty."""
    linked = history.arriving(key, parameter)
    if linked is not None:
        st.session_state[key] = linked
    text: str = st.text_input(label, key=key, persist_state="session", **settings)
    url_state.keep(parameter, text or None)
    return text


def choose_number(label: str, least: int, most: int, default: int, key: str, parameter: str, **settings: Any) -> int:
    """Show a slider of whole numbers; the URL omits the default."""
    linked = history.arriving(key, parameter)
    if linked is not None or key not in st.session_state:
        number = whole_number(linked or "")
        st.session_state[key] = number if number is not None and least <= number <= most else default
    chosen: int = st.slider(label, least, most, key=key, persist_state="session", **settings)
    url_state.keep(parameter, None if chosen == default else str(chosen))
    return chosen
