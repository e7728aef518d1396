"""What every page shares: which data is connected and which runs are looked at, kept in the session and the address."""

from __future__ import annotations

import streamlit as st

from cityseg.data.layout import default_data

_DATA_KEY = "data_spec"
_DATA_PARAMETER = "data"


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
    st.query_params.clear()
    share_data()


def share_data() -> None:
    """Name the connected data in the address, where it is not the one everybody gets."""
    spec = data_spec()
    if spec != default_data():
        st.query_params[_DATA_PARAMETER] = spec
    elif _DATA_PARAMETER in st.query_params:
        del st.query_params[_DATA_PARAMETER]


def remembered(name: str, options: tuple[str, ...] | list[str]) -> str | None:
    """Return the address's choice for ``name`` if it is one of ``options``."""
    value = st.query_params.get(name)
    return value if value in options else None


def remember(name: str, value: str | None) -> None:
    """Keep a choice in the address; None takes it out."""
    if value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value


def restore(key: str, value: object) -> None:
    """Give a widget its first value, unless this session has set it already."""
    st.session_state.setdefault(key, value)
