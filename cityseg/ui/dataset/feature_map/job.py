"""Compute the map in a separate process and show its progress."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app.background import progress_bar
from cityseg.ui.common.job_panel import poll

_PROBLEM = "data_map_problem"
_TITLES = {
    "preparing": "Reading every frame once",
    "features": "Computing the features of every frame",
    "layout": "Laying out the map (t-SNE)",
}


def show(model: str, spec: str) -> None:
    """Show a button that starts the computation, or its progress with a stop button."""

    def is_running() -> bool:
        job = api.find_map_job(model, spec)
        return job is not None and job.state == "running"

    poll(is_running, lambda: _panel(model, spec), running=is_running())


def _panel(model: str, spec: str) -> None:
    job = api.find_map_job(model, spec)
    if job and job.state == "running":
        title = _TITLES.get(job.phase, "Starting")
        progress_bar(title, job.done, job.total, job.seconds_left)
        st.button(
            "Stop", icon=":material/stop:", key="data_map_stop", on_click=api.stop_feature_map, args=(model, spec)
        )
        st.caption("Continues when this page or the browser is closed.")
        return
    st.button(
        "Compute the map",
        type="primary",
        icon=":material/scatter_plot:",
        key="data_map_start",
        on_click=_start,
        args=(model, spec),
    )
    if job and job.state == "stopped":
        st.caption("Stopped before the map was computed.")
    problem = st.session_state.get(_PROBLEM) or (job.error if job and job.state == "failed" else None)
    if problem:
        st.error(escape(problem), icon=":material/error:")


def _start(model: str, spec: str) -> None:
    """Start the process; an error appears below the button."""
    st.session_state.pop(_PROBLEM, None)
    try:
        api.start_feature_map(model, spec)
    except CitysegError as error:
        st.session_state[_PROBLEM] = str(error)
