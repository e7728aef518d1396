"""State that all pages share: the connected dataset and the class colours, in the session and the URL."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import streamlit as st

from cityseg.api.types import default_data
from cityseg.classes import COLOR_BLIND_PALETTE, PALETTE
from cityseg.ui.app import history

_DATA_KEY = "data_spec"
_DATA_PARAMETER = "data"
_SAFE = "safe_colors"
_REQUESTED_COLORS = "asked_safe_colors"


def data_spec() -> str:
    """Return the connected dataset as ``--data`` names it: chosen in this session, from the URL, or the default."""
    linked = history.arriving(_DATA_KEY, _DATA_PARAMETER)
    if linked is not None or _DATA_KEY not in st.session_state:
        _connect(linked or default_data())
    spec: str = st.session_state[_DATA_KEY]
    return spec


def connect_data(spec: str) -> None:
    """Connect another dataset for this session, and clear choices that belong to the old one."""
    _connect(spec)
    history.restart()
    share_data()


def _connect(spec: str) -> None:
    if st.session_state.get(_DATA_KEY) != spec:
        for key in [key for key in st.session_state if str(key).startswith("data_")]:
            del st.session_state[key]
        st.session_state[_DATA_KEY] = spec


def data_parameters() -> dict[str, str]:
    """Return the URL parameters of a link that has to keep the connected data."""
    return {_DATA_PARAMETER: spec} if (spec := history.read(_DATA_PARAMETER)) else {}


def share_data() -> None:
    """Put the connected dataset into the URL unless it is the default."""
    history.record(_DATA_PARAMETER, None if data_spec() == default_data() else data_spec(), is_initial=True)


def color_switch() -> None:
    """Show the toggle between official and colour-blind-safe colours; once per page."""
    requested = st.session_state.pop(_REQUESTED_COLORS, None)
    if requested is not None:
        st.session_state[_SAFE] = requested
    linked = history.arriving(_SAFE, _SAFE)
    if linked is not None:
        st.session_state[_SAFE] = linked == "true"
    safe = st.toggle(
        "Colour-blind-safe colours",
        key=_SAFE,
        persist_state="session",
        help="Class colours that are distinguishable with colour-blindness, on every page. Downloads keep the official "
        "colours.",
    )
    history.record(_SAFE, "true" if safe else None, is_initial=True)


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
