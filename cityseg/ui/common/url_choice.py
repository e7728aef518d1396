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
    omit_default: bool = False,
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
        omit_default: leave the initial option out of the URL; for options that are the same for all data.
        **settings: further arguments of the widget.
    """
    widget, settings = place.segmented_control, {"required": True, **settings}
    return _choose(widget, label, options, key, parameter, default, omit_default, settings)


def select_choice(
    label: str,
    options: Options[Choice],
    key: str,
    parameter: str,
    default: Choice | None = None,
    place: Any = st,
    omit_default: bool = False,
    **settings: Any,
) -> Choice:
    """Show a select box and return the chosen option; arguments as for ``segmented_choice``."""
    return _choose(place.selectbox, label, options, key, parameter, default, omit_default, settings)


def _choose(
    widget: Any,
    label: str,
    options: Options[Choice],
    key: str,
    parameter: str,
    default: Choice | None,
    omit_default: bool,
    settings: dict[str, Any],
) -> Choice:
    values = list(options)
    initial = values[0] if default is None else default
    url_state.settle(key, parameter, values, initial)
    if isinstance(options, Mapping):
        settings["format_func"] = options.__getitem__
    # A segmented control can return None if it is clicked before it has a value.
    chosen: Choice = widget(label, values, key=key, persist_state="session", **settings) or initial
    url_state.keep(key, parameter, None if omit_default and chosen == initial else chosen)
    return chosen
