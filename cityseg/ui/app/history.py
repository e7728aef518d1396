"""The browser's address and history: choices in the URL, one history entry per act of the user, Back and Forward.

Streamlit 1.67 adds a history entry for every change of ``st.query_params``, also for the values that a page writes by
itself while it loads. So the pages write their choices here; the URL follows once, at the end of a run. What only adds
to an entry (a first visit, a choice that comes into view) replaces it by a small component in the page.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx

Arguments = ParamSpec("Arguments")

_VISIT, _LAST_VISITS, _REPLACEMENT = "visit", "last visits of the pages", "replacement of the address"
_SHARED = ("data", "safe_colors")
"""Parameters of all pages, which the session keeps."""
# The address that is replaced is compared first: the user may have gone on in the meantime.
_JS = """
const sorted = (query) => { const found = new URLSearchParams(query); found.sort(); return found.toString(); };
let last = 0;
export default function ({ data }) {
  if (!data || data.number === last) return;
  last = data.number;
  if (sorted(location.search) === sorted(data.before) && sorted(data.before) !== sorted(data.after)) {
    history.replaceState({}, "", location.pathname + (data.after ? "?" + data.after : "") + location.hash);
  }
}
"""
_replace = st.components.v2.component("cityseg_history", js=_JS)


@dataclass
class _Visit:
    """What the user has chosen on a page since it was opened, or since Back or Forward led there."""

    page: str
    incoming: dict[str, str]  # URL parameters that the visit began with
    is_return: bool = False  # a choice that is not in ``incoming`` gets its default
    is_link: bool = True  # False if ``incoming`` was written on an earlier visit
    taken: set[str] = field(default_factory=set)  # choices that have read ``incoming``
    values: dict[str, str | None] = field(default_factory=dict)  # parameters written since, None for a default
    in_url: dict[str, str] = field(default_factory=dict)  # parameters that the browser shows
    is_settled: bool = False  # whether a run has ended
    has_acted: bool = False  # whether the user has changed a choice since the URL was written

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the current view; those that no choice has read are kept."""
        return {name: value for name, value in (self.incoming | self.values).items() if value}


@contextmanager
def visiting(page: str) -> Iterator[None]:
    """Run a page, the block, and write its choices into the URL at the end."""
    _begin(page)
    try:
        yield
    except StopException:
        _write_url()
        raise
    _write_url()


def _begin(page: str) -> None:
    context = get_script_run_ctx()
    returned = context is not None and context.is_history_navigation
    visit: _Visit | None = st.session_state.get(_VISIT)
    if visit is not None and visit.page == page and not returned:
        return
    last: dict[str, dict[str, str]] = st.session_state.setdefault(_LAST_VISITS, {})
    if visit is not None:
        last[visit.page] = {name: text for name, text in visit.parameters().items() if name not in _SHARED}
    shown = dict(st.query_params)
    is_link = returned or visit is None or bool(shown)
    incoming = shown if is_link else last.get(page, {})
    st.session_state[_VISIT] = _Visit(page, dict(incoming), returned, is_link, in_url=shown)


def restart() -> None:
    """Drop the choices of this page and of all others, because other data has been connected."""
    st.session_state.pop(_LAST_VISITS, None)
    visit = _visit()
    visit.incoming, visit.values, visit.has_acted = {}, {}, True


def read(parameter: str) -> str:
    """Return the value of a parameter, empty without one."""
    visit = _visit()
    if parameter in visit.values:
        return visit.values[parameter] or ""
    return visit.incoming.get(parameter, "")


def record(parameter: str, value: str | None, *, is_initial: bool = False) -> None:
    """Set a parameter, None for its default; ``is_initial`` if the page writes it before the user can have."""
    visit = _visit()
    known = parameter in visit.values or not is_initial
    if known and visit.is_settled and (value or "") != read(parameter):
        visit.has_acted = True
    visit.values[parameter] = value


def arriving(choice: str, parameter: str) -> str | None:
    """Return what the URL says of a choice, once per visit, and None if the choice stays as it is.

    Empty for the default: Back or Forward has led to a view without the parameter.
    """
    visit = _visit()
    if choice in visit.taken:
        return None
    visit.taken.add(choice)
    text = read(parameter)
    return text if text or visit.is_return else None


def is_link() -> bool:
    """Whether the visit began with a link, Back or Forward, and not with what the page itself had written before."""
    return _visit().is_link


def link() -> str:
    """Return the URL of the current view."""
    address = (st.context.url or "").partition("?")[0]
    query = urlencode(_visit().parameters())
    return f"{address}?{query}" if query else address


def fragment(
    function: Callable[Arguments, None] | None = None, *, run_every: float | None = None
) -> Callable[..., Any]:
    """Make a fragment (``st.fragment``) that writes what the user chose in it into the URL when it reruns."""
    if function is None:
        return functools.partial(fragment, run_every=run_every)

    @functools.wraps(function)
    def run(*arguments: Arguments.args, **settings: Arguments.kwargs) -> None:
        function(*arguments, **settings)
        context = get_script_run_ctx()
        if context is not None and context.fragment_ids_this_run and _visit().has_acted:
            _push()

    return st.fragment(run, run_every=run_every)


def _visit() -> _Visit:
    if _VISIT not in st.session_state:
        st.session_state[_VISIT] = _Visit("", dict(st.query_params), in_url=dict(st.query_params))
    visit: _Visit = st.session_state[_VISIT]
    return visit


def _write_url() -> None:
    visit = _visit()
    if visit.is_settled and visit.has_acted:
        _push()
    elif (wanted := visit.parameters()) != visit.in_url:
        number = st.session_state.get(_REPLACEMENT, {}).get("number", 0) + 1
        st.session_state[_REPLACEMENT] = {
            "number": number,
            "before": urlencode(visit.in_url),
            "after": urlencode(wanted),
        }
        visit.in_url = wanted
    visit.is_settled, visit.has_acted = True, False
    with st.sidebar:
        _replace(key="history", data=st.session_state.get(_REPLACEMENT), height=0)


def _push() -> None:
    """Add a history entry with the choices of this visit, if they have changed."""
    visit = _visit()
    wanted = visit.parameters()
    if wanted != visit.in_url:
        st.query_params.from_dict(wanted)
        visit.in_url = wanted
    visit.has_acted = False
