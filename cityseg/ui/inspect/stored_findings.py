"""Passes over a split that tabs of the Inspect page start, and their stored findings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from cityseg.api.types import Split, weights_version
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import background, session
from cityseg.ui.common import job_panel
from cityseg.ui.common.measured_split import MeasuredSplit

_T = TypeVar("_T")


def offer_pass(
    measured: MeasuredSplit, job: Callable[..., Any], *, key: str, label: str, icon: str, title: str, meaning: str
) -> None:
    """Offer a pass over the split in the background; the page reads its stored result by itself.

    ``job`` is a verb of the api that takes model, data, split and ``on_progress``. ``label``, ``icon`` and ``meaning``
    describe the button that starts it, ``title`` the progress bar.
    """
    subject = measured.result.id, session.data_spec(), measured.split
    name = (job.__name__, *subject)

    def start() -> None:
        background.begin(name, lambda note: job(*subject, on_progress=note))

    def render() -> None:
        work = background.find(name)
        if job_panel.show_work(work, title, key=key):
            return
        st.button(label, icon=icon, key=f"{key}_begin", type="primary", on_click=start, help=meaning)
        stopped = f"Stopped after {work.done:,} of {work.total:,} frames; nothing was kept." if work else ""
        if work and job_panel.show_end(work, stopped):
            st.warning(
                f"Done, but the weights of {escape(measured.result.id)} have changed, or it was measured on other "
                "labels than those connected. Connect the data it was measured on, or repeat it.",
                icon=":material/sync_problem:",
            )

    is_running = partial(background.is_running, name)
    job_panel.poll(is_running, render, running=is_running())


def stored_finding(
    measured: MeasuredSplit,
    files: Callable[[Any, Split], tuple[Path, ...]],
    find: Callable[[str, Split, str], _T | None],
) -> _T | None:
    """Return the stored finding about the result's present weights on this split, or None; cached until a file changes.

    ``files`` lists the files that may hold it for a run and a split, and ``find`` reads it for a model, a split and a
    data fingerprint.
    """
    run, split = measured.result.run, measured.split
    try:
        existing = [file for file in files(run, split) if file.is_file()]
        versions = (*(file.stat().st_mtime_ns for file in existing), weights_version(run.checkpoint))
    except (CitysegError, OSError):
        # The run is being deleted.
        return None
    fingerprint = str(measured.result.scores.get(split, {}).get("fingerprint", ""))
    return _read(find, find.__name__, measured.result.id, split, fingerprint, versions) if existing else None


@st.cache_resource(show_spinner=False, max_entries=8)
def _read(_find: Callable[..., Any], kind: str, model: str, split: Any, fingerprint: str, versions: Any) -> Any:
    return _find(model, split, fingerprint)
