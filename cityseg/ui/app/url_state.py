"""Choices that survive: kept in the session across pages, and in the address, so that a copied link shows the same."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.ui.app import session


def settle(key: str, parameter: str, options: Sequence[str], default: str) -> str:
    """Decide a widget's value before it is drawn.

    A click elsewhere (``wish``, ``walk``) comes first, then a link that was followed, then what was chosen
    before, then the default. Call ``keep`` once the widget has answered.

    Args:
        key: the widget's Streamlit key.
        parameter: its name in the address.
        options: what can be chosen now.
        default: one of ``options``.
    """
    asked = session.remembered(parameter, list(options))
    # What this page itself wrote into the address is no news; anything else there is a link that was followed.
    if asked is not None and asked != st.session_state.get(_written(key)):
        st.session_state[key] = asked
    elif st.session_state.get(key) not in options:
        # A widget that was not drawn, or not filled yet when something else was clicked, has forgotten its answer.
        st.session_state[key] = default if asked is None else asked
    st.session_state[_written(key)] = asked
    wished = st.session_state.pop(_wished(key), None)
    if isinstance(wished, int):
        position = list(options).index(st.session_state[key]) + wished
        st.session_state[key] = options[min(len(options) - 1, max(0, position))]
    elif wished is not None:
        st.session_state[key] = wished if wished in options else default
    value: str = st.session_state[key]
    return value


def settle_several(key: str, parameter: str, options: Sequence[str], default: Sequence[str]) -> list[str]:
    """Decide the values of a widget that takes several, as ``settle`` does; in the address commas stand between."""
    text = session.text(parameter)
    asked = [name for name in text.split(",") if name in options]
    if asked and text != st.session_state.get(_written(key)):
        st.session_state[key] = asked
    elif key not in st.session_state or not set(st.session_state[key]) <= set(options):
        st.session_state[key] = list(default)
    st.session_state[_written(key)] = text
    values: list[str] = st.session_state[key]
    return values


def keep(key: str, parameter: str, value: str) -> None:
    """Write a widget's answer into the address."""
    session.remember(parameter, value)
    st.session_state[_written(key)] = value


def wish(key: str, value: str) -> None:
    """Choose ``value`` in the next run, or the default if there is no such option; for clicks elsewhere."""
    st.session_state[_wished(key)] = value


def walk(key: str, steps: int) -> None:
    """Go ``steps`` options on in the next run, or back; stops at both ends."""
    st.session_state[_wished(key)] = steps


def wished(key: str) -> str | int | None:
    """Return what ``wish`` or ``walk`` asked for and ``settle`` has not heard yet."""
    value: str | int | None = st.session_state.get(_wished(key))
    return value


def _written(key: str) -> str:
    return f"{key} in the address"


def _wished(key: str) -> str:
    return f"{key} wished"
