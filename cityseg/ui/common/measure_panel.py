"""Measure models on the connected data: a button, and the progress of the process that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from cityseg import api
from cityseg.api import Result
from cityseg.api.types import Split
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.text import shortened
from cityseg.ui.app import cache, session
from cityseg.ui.app.background import progress_bar
from cityseg.ui.common.job_panel import poll

_STARTED, _PROBLEM = "measurement started here", "measurement problem"
_MODELS, _OFFERED = "measure_models", "models offered to measure"
_POLL_SECONDS = 1.0


def finished() -> list[str]:
    """Return the ids of the results that a measurement started in this session has just finished, once."""
    job = api.find_measuring() if _STARTED in st.session_state else None
    if job is None or job.status.state == "running":
        return []
    del st.session_state[_STARTED]
    if job.status.error:
        st.session_state[_PROBLEM] = job.status.error
    cache.refresh_results()
    if job.results:
        st.toast(f"Measured: {escape(', '.join(job.results))}.", icon=":material/straighten:")
    return list(job.results)


def find_measured(model: str, split: Split) -> Result | None:
    """Return the result that holds a model's scores on the connected data, or None."""
    data = cache.connected_data(session.data_spec())
    found = (result for result in cache.all_results() if result.model == model)
    return next((result for result in found if data and data.holds_frames_of(result, split)), None)


def offer(model: str, split: Split) -> None:
    """Show a button that measures a model on a split of the connected data, or the progress of a measurement."""

    def choose(label: str, frames: str, on: Split) -> None:
        _button(label, [model], on, frames)

    _panel(split, choose)


def offer_several(models: Sequence[str], missing: Sequence[str], split: Split) -> None:
    """Show a popover that measures some of ``models``, at first the ``missing`` ones, or the progress."""
    # A choice that the user has changed stays.
    if st.session_state.get(_MODELS) in (None, st.session_state.get(_OFFERED)):
        st.session_state[_MODELS] = list(missing)
    st.session_state[_OFFERED] = list(missing)

    def choose(label: str, frames: str, on: Split) -> None:
        with st.popover(label, icon=":material/straighten:", width="stretch"):
            chosen = st.multiselect("Models", models, key=_MODELS, placeholder="Choose models", help=frames)
            _button("Measure", chosen, on, frames)

    _panel(split, choose)


def _panel(split: Split, choose: Callable[[str, str, Split], None]) -> None:
    try:
        info = cache.data_info(session.data_spec())
    except CitysegError:
        return  # the pages say why the data cannot be opened
    splits: tuple[Split, ...] = (split, "val", "test")
    on = next((each for each in splits if info.frames[each]), None)
    if on is None:
        return
    frames = f"The {info.frames[on]:,} frames of {on}, each at its label's own size, in a process of its own."

    def show() -> None:
        job = api.find_measuring()
        if job is not None and job.status.state == "running":
            _progress(job)
            return
        choose(f"Measure on {escape(shortened(info.name, 24))}", frames, on)
        if problem := st.session_state.get(_PROBLEM):
            st.error(escape(problem), icon=":material/error:")

    poll(_is_running, show, running=_is_running(), seconds=_POLL_SECONDS)


def _is_running() -> bool:
    job = api.find_measuring()
    return job is not None and job.status.state == "running"


def _button(label: str, models: Sequence[str], split: Split, meaning: str) -> None:
    st.button(
        label,
        icon=":material/straighten:",
        key=f"measure {label}",
        help=meaning,
        disabled=not models,
        on_click=_start,
        args=(list(models), session.data_spec(), split),
    )


def _progress(job: api.Measuring) -> None:
    status = job.status
    place = f" ({len(job.results) + 1} of {len(job.models)})" if len(job.models) > 1 else ""
    title = f"Measuring {escape(shortened(status.phase or job.models[0], 24))}{place}"
    progress_bar(title, status.done, status.total, status.seconds_left)
    st.button("Stop", icon=":material/stop:", key="stop_measuring", on_click=partial(api.stop_measuring))


def _start(models: Sequence[str], spec: str, split: Split) -> None:
    st.session_state.pop(_PROBLEM, None)
    try:
        api.start_measuring(models, spec, split)
        st.session_state[_STARTED] = True
        st.session_state.pop(_MODELS, None)
    except CitysegError as error:
        st.session_state[_PROBLEM] = str(error)
