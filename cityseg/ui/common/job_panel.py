"""Following a job on a page: a fragment that polls it, its progress and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import background, history
from cityseg.ui.app.background import Work, progress_bar


def poll(state: Callable[[], Hashable], render: Callable[[], None], *, running: bool, seconds: float = 0.5) -> None:
    """Render a part of the page, again every ``seconds`` while a job runs, and rerun the page when its state changes.

    ``state`` returns the values that the rest of the page depends on, such as whether the job runs. Fragments must not
    contain others: while a page loads, Streamlit 1.67 sends a rerun fragment's inner fragments before the fragment, and
    the browser shows an empty page.
    """
    shown = state()

    def part() -> None:
        if state() != shown:
            # A fragment cannot start or end its own polling, and the rest of the page depends on the outcome.
            st.rerun()
        render()

    history.fragment(part, run_every=seconds if running else None)()


def show_work(work: Work | None, title: str, *, key: str, stop: str = "Stop") -> bool:
    """Show the progress of running work with a button that stops it; returns whether it runs."""
    if work is None or not work.is_running:
        return False
    progress_bar(title, work.done, work.total, work.seconds_left())
    st.button(stop, icon=":material/stop:", key=f"{key}_stop", on_click=work.stop)
    return True


def show_end(work: Work, stopped: str) -> bool:
    """Show why finished work has no result, ``stopped`` if the user stopped it; returns whether it has one.

    A bug is raised.
    """
    if isinstance(work.error, background.Stopped):
        st.caption(stopped)
    elif isinstance(work.error, CitysegError):
        st.error(escape(work.error), icon=":material/error:")
    elif work.error is not None:
        raise work.error
    return work.error is None
