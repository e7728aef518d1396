"""Widgets whose choice is kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from cityseg.ui.app import url_state

Choice = TypeVar("Choice", bound=str)
Options = Sequence[Choice] | Mapping[Choice, str]


def segmented_choice(
    label: str,
    options: Options[Choice],
    key: str,
    parameter: str,
    default: Choice | None = None,
    place: Any = st,
    **settings: Any,
) -> Choice:
    """Show a segmented control and return the chosen option.

    Args:
        label: of the widget.
        options: values to choose from; a mapping gives their labels.
        key: Streamlit key.
        parameter: name of the choice in the URL.
        default: initial option, by default the first.
        place: container of the widget.
        **settings: further arguments of the widget.
    """
    return _choose(place.segmented_control, label, options, key, parameter, default, {"required": True, **settings})


def select_choice(
    label: str,
    options: Options[Choice],
    key: str,
    parameter: str,
    default: Choice | None = None,
    place: Any = st,
    **settings: Any,
) -> Choice:
    """Show a select box and return the chosen option; arguments as for ``segmented_choice``."""
    return _choose(place.selectbox, label, options, key, parameter, default, settings)


def _choose(
    widget: Any,
    label: str,
    options: Options[Choice],
    key: str,
    parameter: str,
    default: Choice | None,
    settings: dict[str, Any],
) -> Choice:
    values = list(options)
    initial = values[0] if default is None else default
    url_state.settle(key, parameter, values, initial)
    if isinstance(options, Mapping):
        settings["format_func"] = options.__getitem__
    # A segmented control can return None if it is clicked before it has a value.
    chosen: Choice = widget(label, values, key=key, persist_state="session", **settings) or initial
    url_state.keep(key, parameter, chosen)
    return chosen
