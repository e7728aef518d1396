"""A segmented control whose choice is kept in the session and in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from cityseg.ui.app import url_state

Choice = TypeVar("Choice", bound=str)


def segmented_choice(
    label: str, options: Sequence[Choice] | Mapping[Choice, str], key: str, parameter: str, **settings: Any
) -> Choice:
    """Show the control and return the chosen option, initially the first.

    Args:
        label: of the control.
        options: values to choose from; a mapping gives their labels.
        key: Streamlit key.
        parameter: name of the choice in the URL.
        **settings: passed on to ``st.segmented_control``.
    """
    values = list(options)
    url_state.settle(key, parameter, values, values[0])
    if isinstance(options, Mapping):
        settings["format_func"] = options.__getitem__
    answer = st.segmented_control(label, values, key=key, required=True, persist_state="session", **settings)
    chosen: Choice = answer or values[0]
    url_state.keep(key, parameter, chosen)
    return chosen
