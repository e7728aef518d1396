"""State that all pages share: the connected dataset and the class colours, in the session and the URL."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import streamlit as st

from cityseg.api.types import default_data
from cityseg.classes import COLOR_BLIND_PALETTE, PALETTE

_DATA_KEY = "data_spec"
_DATA_PARAMETER = "data"
_SAFE = "safe_colors"
_REQUESTED_COLORS = "asked_safe_colors"
# Streamlit forbids changing these: they are bound to tabs, filters and other widgets.
_BOUND = ("front", "tab", "view", "find", "states", "groups", "look", "also", "sure", "ask", _SAFE)


def data_spec() -> str:
    """Return the connected dataset as ``--data`` names it: chosen in this session, from the URL, or the default."""
    if _DATA_KEY not in st.session_state:
        st.session_state[_DATA_KEY] = st.query_params.get(_DATA_PARAMETER) or default_data()
    spec: str = st.session_state[_DATA_KEY]
    return spec


def connect_data(spec: str) -> None:
    """Connect another dataset for this session, and clear choices that belong to the old one."""
    for key in [key for key in st.session_state if str(key).startswith("data_")]:
        del st.session_state[key]
    st.session_state[_DATA_KEY] = spec
    for name in [name for name in st.query_params if name not in _BOUND]:
        del st.query_params[name]
    share_data()


def share_data() -> None:
    """Put the connected dataset into the URL unless it is the default."""
    set_url(_DATA_PARAMETER, None if data_spec() == default_data() else data_spec())


def color_switch() -> None:
    """Show the toggle between official and colour-blind-safe colours; once per page."""
    requested = st.session_state.pop(_REQUESTED_COLORS, None)
    if requested is not None:
        st.session_state[_SAFE] = requested
    st.toggle(
        "Colour-blind-safe colours",
        key=_SAFE,
        bind="query-params",
        help="Class colours that are distinguishable with colour-blindness, on every page. Downloads keep the official "
        "colours.",
    )


def palette() -> np.ndarray:
    """Return the (256, 3) uint8 class colours of this session."""
    return COLOR_BLIND_PALETTE if st.session_state.get(_SAFE) else PALETTE


def is_dark() -> bool:
    """Whether the page uses the dark theme."""
    return bool(st.context.theme.type == "dark")


def choose_colors(*, safe: bool) -> None:
    """Choose the class colours in a callback, before the toggle is shown."""
    st.session_state[_SAFE] = safe


def rerun_with_colors(*, safe: bool) -> NoReturn:
    """Rerun the page in these colours, overriding the toggle's state in the browser.

    Fragments that rerun by themselves send the state of every widget; one sent before the browser received the new
    value would reset it.
    """
    st.session_state[_REQUESTED_COLORS] = safe
    st.rerun()


def url_option(name: str, options: tuple[str, ...] | list[str]) -> str | None:
    """Return the URL parameter ``name`` if it is one of ``options``."""
    value = st.query_params.get(name)
    return value if value in options else None


def url_text(name: str) -> str:
    """Return the URL parameter ``name``, empty if missing."""
    return st.query_params.get(name) or ""


def set_url(name: str, value: str | None) -> None:
    """Set a URL parameter; None removes it."""
    if value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
