"""Widget values kept in the session across pages and in the URL, so that a copied link shows the same view.

A widget has a Streamlit ``key`` and a URL ``parameter``.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.markdown import code
from cityseg.ui.app import history

_TOAST_SECONDS = 20
_LONGEST = 80
"""Characters of a link's value that a message quotes."""


def settle(key: str, parameter: str, options: Sequence[str], default: str) -> str:
    """Set and return a widget's value before the widget is shown.

    A request from elsewhere on the page (``request``, ``step``) has priority, then the URL of a link, then the earlier
    choice, then the default. Call ``keep`` with the widget's value afterwards.
    """
    linked = history.arriving(key, parameter)
    if linked in options:
        st.session_state[key] = linked
    elif linked is not None or st.session_state.get(key) not in options:
        # Streamlit drops the value of a widget that the last run did not show.
        st.session_state[key] = default
    if linked and linked not in options and history.is_link():
        report_stale(parameter, [linked], st.session_state[key])
    pending = st.session_state.pop(_pending(key), None)
    if isinstance(pending, int):
        position = list(options).index(st.session_state[key]) + pending
        st.session_state[key] = options[min(len(options) - 1, max(0, position))]
    elif pending is not None:
        st.session_state[key] = pending if pending in options else default
    value: str = st.session_state[key]
    return value


def report_stale(parameter: str, missing: Sequence[str], shown: str) -> None:
    """Tell the user that a link names what does not exist, or no longer, and what the page shows instead."""
    names = ", ".join(code(text[:_LONGEST]) for text in missing)
    message = f"The link names {parameter} {names}, not found here. Shown instead: {code(shown)}."
    st.toast(message, icon=":material/link_off:", duration=_TOAST_SECONDS)


def settle_several(
    key: str, parameter: str, options: Sequence[str], default: Sequence[str], *, separator: str = ","
) -> list[str]:
    """Set and return the values of a multiple-choice widget as ``settle`` does; ``separator`` joins them in the URL."""
    linked = history.arriving(key, parameter)
    found = list(dict.fromkeys(name for name in (linked or "").split(separator) if name in options))
    if found:
        st.session_state[key] = found
    elif linked is not None or not set(st.session_state.get(key, ("",))) <= set(options):
        st.session_state[key] = list(default)
    if linked and history.is_link() and (gone := [name for name in linked.split(separator) if name not in options]):
        report_stale(parameter, gone, ", ".join(st.session_state[key]))
    values: list[str] = st.session_state[key]
    return values


def arrival_key(key: str, parameter: str) -> tuple[str, str]:
    """Return the key of a widget that takes its value from its default alone, and the text that its default follows.

    That is so inside a popover, whose content the browser builds when it opens. Every link, Back and Forward gives the
    widget another key, hence its default.
    """
    number, text = st.session_state.get(_arrivals(key), (0, ""))
    linked = history.arriving(key, parameter)
    if linked is not None:
        number, text = number + 1, linked
        st.session_state[_arrivals(key)] = number, text
    return _numbered(key, number), text


def current_key(key: str) -> tuple[str, str]:
    """Return what ``arrival_key`` returned last."""
    number, text = st.session_state.get(_arrivals(key), (0, ""))
    return _numbered(key, number), text


def _arrivals(key: str) -> str:
    return f"{key} arrivals"


def _numbered(key: str, number: int) -> str:
    return f"{key}_{number}" if number else key


def keep(parameter: str, value: str | None) -> None:
    """Write a widget's value into the URL; None removes it."""
    history.record(parameter, value, is_initial=True)


def request(key: str, value: str) -> None:
    """Select ``value`` in the next run, or the default if there is no such option; for clicks elsewhere."""
    st.session_state[_pending(key)] = value


def step(key: str, steps: int) -> None:
    """Move by ``steps`` options in the next run, clamped at both ends."""
    st.session_state[_pending(key)] = steps


def pending(key: str) -> str | int | None:
    """Return the pending value or steps of ``request`` or ``step``, or None."""
    value: str | int | None = st.session_state.get(_pending(key))
    return value


def _pending(key: str) -> str:
    return f"{key} requested"
