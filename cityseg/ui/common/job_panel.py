"""Following a job on a page: a fragment that polls it, and a panel that starts and stops a pass over a split."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import streamlit as st

from cityseg.errors import CitysegError
from cityseg.progress import OnProgress
from cityseg.ui.app import background
from cityseg.ui.app.background import Work, progress_bar

_POLL_SECONDS = 0.5


def poll(
    state: Callable[[], Hashable], render: Callable[[], None], *, running: bool, seconds: float = _POLL_SECONDS
) -> None:
    """Render a part of the page, again every ``seconds`` while a job runs, and rerun the page when its state changes.

    Args:
        state: returns what the rest of the page depends on, such as whether the job runs.
        render: shows the part.
        running: whether to poll.
        seconds: between two renderings.
    """
    shown = state()

    def part() -> None:
        if state() != shown:
            # A fragment cannot start or end its own polling, and the rest of the page depends on the outcome.
            st.rerun()
        render()

    st.fragment(part, run_every=seconds if running else None)()


def show_work(work: Work | None, title: str, *, key: str, stop: str = "Stop") -> bool:
    """Show the progress of running work with a button that stops it; returns whether it runs."""
    if work is None or not work.is_running:
        return False
    progress_bar(title, work.done, work.total, work.seconds_left())
    st.button(stop, icon=":material/stop:", key=f"{key}_stop", on_click=work.stop)
    return True


def show_end(work: Work, stopped: str) -> bool:
    """Show why finished work has no result; returns whether it has one. A bug is raised.

    Args:
        work: finished work.
        stopped: message if the user stopped it.
    """
    if isinstance(work.error, background.Stopped):
        st.caption(stopped)
    elif isinstance(work.error, CitysegError):
        st.error(str(work.error), icon=":material/error:")
    elif work.error is not None:
        raise work.error
    return work.error is None


def offer(
    name: Hashable,
    job: Callable[[OnProgress], Any],
    *,
    key: str,
    label: str,
    icon: str,
    title: str,
    meaning: str,
    stale: str,
) -> None:
    """Offer a pass over a split; the page reads its stored result by itself.

    Args:
        name: identifies the work; equal names share it.
        job: the pass; stores its result where the page looks for it.
        key: prefix of the widgets' keys.
        label: of the button that starts it.
        icon: of that button.
        title: of the progress bar.
        meaning: help text of the button.
        stale: warning if the finished pass does not fit what the page shows.
    """

    def render() -> None:
        work = background.find(name)
        if show_work(work, title, key=key):
            return
        st.button(
            label,
            icon=icon,
            key=f"{key}_begin",
            type="primary",
            on_click=background.begin,
            args=(name, job),
            help=meaning,
        )
        if work and show_end(work, f"Stopped after {work.done:,} of {work.total:,} frames; nothing was kept."):
            st.warning(stale, icon=":material/sync_problem:")

    is_running = partial(background.is_running, name)
    poll(is_running, render, running=is_running())
