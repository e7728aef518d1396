"""The button that begins a long pass over a split, its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from cityseg.errors import CitysegError
from cityseg.progress import OnProgress
from cityseg.ui.app import background

_LOOK_SECONDS = 0.5


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
    """Offer a pass whose result the page reads by itself once it is there.

    Args:
        name: of the work; equal names share it.
        job: the pass; keeps its result where the page looks for it.
        key: tells several places of the page apart.
        label: of the button that begins it.
        icon: of that button.
        title: what is going on, beside the progress.
        meaning: what the button does, on hover.
        stale: what to say where the pass is done and its result does not hold for what the page shows.
    """

    def show(was_running: bool) -> None:
        going = background.find(name)
        running = going is not None and going.thread.is_alive()
        if running != was_running:
            # Only the page can begin or end the looking by itself, and the result belongs to all of it.
            st.rerun()
        if running and going is not None:
            background.bar(going, title)
            st.button("Stop", icon=":material/stop:", key=f"{key}_stop", on_click=going.stop)
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
        if going is None:
            return
        if isinstance(going.error, background.Stopped):
            st.caption(f"Stopped after {going.done:,} of {going.total:,} frames; nothing was kept.")
        elif isinstance(going.error, CitysegError):
            st.error(str(going.error), icon=":material/error:")
        elif going.error is not None:
            raise going.error
        else:
            st.warning(stale, icon=":material/sync_problem:")

    going = background.find(name)
    running = going is not None and going.thread.is_alive()
    st.fragment(show, run_every=_LOOK_SECONDS if running else None)(running)
