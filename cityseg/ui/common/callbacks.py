"""Callbacks that call an api verb and keep its error for the page, since a callback cannot show it in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cityseg.errors import CitysegError
from cityseg.markdown import escape


def attempt(error_key: str, verb: Callable[..., Any], *arguments: Any) -> None:
    """Call a verb and keep its error, or None, in the session for ``show_error``."""
    st.session_state[error_key] = None
    try:
        verb(*arguments)
    except CitysegError as error:
        st.session_state[error_key] = str(error)


def show_error(error_key: str, prefix: str = "") -> bool:
    """Show the error that ``attempt`` kept after an introduction; returns whether there is one."""
    if error := st.session_state.get(error_key):
        st.error(f"{prefix}{escape(error)}", icon=":material/error:")
    return bool(error)
