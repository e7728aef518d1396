"""Widgets whose choice is kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from cityseg.ui.app import session, url_state

Choice = TypeVar("Choice", bound=str)


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
    if widget.__name__ == "segmented_control":
        settings["required"] = True
    # A segmented control can return None if it is clicked before it has a value.
    chosen: Choice = widget(label, values, key=key, persist_state="session", **settings) or initial
    url_state.keep(key, parameter, None if omit_default and chosen == initial else chosen)
    return chosen


def choose_options(
    label: str,
    options: Sequence[str],
    key: str,
    parameter: str,
    default: list[str],
    *,
    separator: str = ",",
    **settings: Any,
) -> list[str]:
    """Show a multiselect and return the chosen options; the URL omits the default and ``separator`` joins others."""
    if key not in st.session_state:
        linked = st.query_params.get(parameter)
        st.session_state[key] = (
            default if linked is None else list(dict.fromkeys(n for n in linked.split(separator) if n))
        )
    earlier = st.session_state[key]
    known = [name for name in earlier if name in options]
    st.session_state[key] = default if earlier and not known else known
    chosen: list[str] = st.multiselect(label, options, key=key, persist_state="session", **settings)
    session.set_url(parameter, None if chosen == default else separator.join(chosen))
    return chosen
