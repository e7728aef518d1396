"""What every page shares: which data is connected, and the colours of the classes; kept in session and address."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import streamlit as st

from cityseg.api.types import default_data
from cityseg.classes import COLOR_BLIND_PALETTE, PALETTE

_DATA_KEY = "data_spec"
_DATA_PARAMETER = "data"
_SAFE_COLORS = "safe_colors"
_ASKED_COLORS = "asked_safe_colors"
# Streamlit refuses to touch these: they belong to tabs, filters, widgets of a page and the switch of the colours.
_BOUND = (
    "front",
    "tab",
    "view",
    "find",
    "states",
    "groups",
    "look",
    "also",
    "confused",
    "cut",
    "sure",
    "ask",
    _SAFE_COLORS,
)


def data_spec() -> str:
    """Return the connected dataset, as ``--data`` would name it: chosen here, named by the link, or the default."""
    if _DATA_KEY not in st.session_state:
        st.session_state[_DATA_KEY] = st.query_params.get(_DATA_PARAMETER) or default_data()
    spec: str = st.session_state[_DATA_KEY]
    return spec


def connect_data(spec: str) -> None:
    """Connect another dataset for this session; what was chosen within the old one is forgotten."""
    for key in [key for key in st.session_state if str(key).startswith("data_")]:
        del st.session_state[key]
    st.session_state[_DATA_KEY] = spec
    for name in [name for name in st.query_params if name not in _BOUND]:
        del st.query_params[name]
    share_data()


def share_data() -> None:
    """Name the connected data in the address, where it is not the one everybody gets."""
    spec = data_spec()
    if spec != default_data():
        st.query_params[_DATA_PARAMETER] = spec
    elif _DATA_PARAMETER in st.query_params:
        del st.query_params[_DATA_PARAMETER]


def color_switch() -> None:
    """Show the switch between the official and the colour-blind-safe colours; once per page, for all of it."""
    asked = st.session_state.pop(_ASKED_COLORS, None)
    if asked is not None:
        st.session_state[_SAFE_COLORS] = asked
    st.toggle(
        "Colour-blind-safe colours",
        key=_SAFE_COLORS,
        bind="query-params",
        help="Colours of the classes that stay apart for colour-blind eyes, on every page. Files you download keep the "
        "official colours.",
    )


def palette() -> np.ndarray:
    """Return the (256, 3) uint8 colours of the classes that this visitor has chosen."""
    return COLOR_BLIND_PALETTE if st.session_state.get(_SAFE_COLORS) else PALETTE


def choose_colors(*, safe: bool) -> None:
    """Choose the colours from elsewhere than the switch (for callbacks: before the switch is drawn)."""
    st.session_state[_SAFE_COLORS] = safe


def draw_again_in(*, safe: bool) -> NoReturn:
    """Run the whole page again in these colours, whatever the browser says of the switch meanwhile.

    The parts that renew themselves send the position of every widget along. What they sent before the browser had heard
    of the choice would take it back.
    """
    st.session_state[_ASKED_COLORS] = safe
    st.rerun()


def remembered(name: str, options: tuple[str, ...] | list[str]) -> str | None:
    """Return the address's choice for ``name`` if it is one of ``options``."""
    value = st.query_params.get(name)
    return value if value in options else None


def text(name: str) -> str:
    """Return the address's words for ``name``, whatever they are; empty without any."""
    return st.query_params.get(name) or ""


def remember(name: str, value: str | None) -> None:
    """Keep a choice in the address; None takes it out."""
    if value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
