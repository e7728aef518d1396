"""Errors of the project shown on a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cityseg.errors import CitysegError
from cityseg.markdown import escape


@contextmanager
def errors_shown(prefix: str = "") -> Iterator[None]:
    """Show an error of the project after ``prefix`` and skip the rest of the block or decorated function.

    Bugs are raised.
    """
    try:
        yield
    except CitysegError as error:
        st.error(escape(f"{prefix} {error}"), icon=":material/error:")
