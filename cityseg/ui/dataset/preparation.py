"""Prepare the connected data in a separate process and show its progress."""

from __future__ import annotations

from functools import partial

import streamlit as st

from cityseg import api
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.config import presets
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache
from cityseg.ui.app.background import progress_bar
from cityseg.ui.common.job_panel import poll


def choose_and_prepare(spec: str) -> None:
    """Show the inputs to prepare the data at a chosen size."""
    sizes = sorted({STATISTICS_SIZE, *(presets.preset(name).image_size for name in presets.PRESETS)})
    size = st.selectbox(
        "Size to prepare",
        sizes,
        index=sizes.index(STATISTICS_SIZE),
        key="data_prepare_size",
        format_func=_uses,
        help="Decodes and resizes every frame once, so that pages and runs of that size start at once.",
    )
    prepare(spec, size)


def is_running(spec: str, size: tuple[int, int] = STATISTICS_SIZE) -> bool:
    """Whether a process prepares the data at ``size``."""
    preparation = api.find_preparation(spec, size)
    return preparation is not None and preparation.state == "running"


def prepare(spec: str, size: tuple[int, int] = STATISTICS_SIZE) -> None:
    """Show that the data is prepared at ``size``, or the progress with a stop button, or a start button."""
    try:
        prepared, running = cache.is_prepared(spec, size), is_running(spec, size)
    except CitysegError as error:
        st.error(escape(error), icon=":material/error:")
        return
    if prepared:
        st.markdown(f":material/check_circle: Prepared at {size[1]} × {size[0]} px.")
        return

    def state() -> bool:
        if (now := is_running(spec, size)) != running:
            cache.refresh_dataset()
        return now

    poll(state, lambda: _panel(spec, size), running=running)


def _panel(spec: str, size: tuple[int, int]) -> None:
    preparation = api.find_preparation(spec, size)
    state = preparation.state if preparation else None
    if preparation and state == "running":
        title = f"Reading every frame once, at {size[1]} × {size[0]} px"
        progress_bar(title, preparation.done, preparation.total, preparation.seconds_left)
        stop = partial(api.stop_preparation, spec, size)
        st.button("Stop", icon=":material/stop:", key=_name("stop", size), on_click=stop)
        st.caption("Continues when this page or the browser is closed.")
        return
    again = state in ("stopped", "failed")
    st.button(
        "Prepare again" if again else "Prepare",
        type="primary",
        icon=":material/play_arrow:",
        key=_name("start", size),
        on_click=_start,
        args=(spec, size, False),
    )
    if preparation and state == "stopped":
        st.caption(f"Stopped after {preparation.done:,} of {preparation.total:,} frames.")
    problem = st.session_state.get(_name("problem", size)) or (preparation.error if again and preparation else None)
    if problem:
        st.error(escape(problem), icon=":material/broken_image:")
        offer_skipping(spec, size)


def offer_skipping(spec: str, size: tuple[int, int] = STATISTICS_SIZE) -> None:
    """Show a button that prepares the data without unusable frames."""
    st.button(
        "Leave out unusable frames",
        icon=":material/playlist_remove:",
        key=_name("skip", size),
        on_click=_start,
        args=(spec, size, True),
        help="Prepares the usable frames and records which were left out. Scores then refer to the usable frames only.",
    )


def _start(spec: str, size: tuple[int, int], skip_bad: bool) -> None:
    """Start the process; an error appears next to the button."""
    st.session_state.pop(_name("problem", size), None)
    try:
        api.start_preparation(spec, size, skip_bad=skip_bad)
    except CitysegError as error:
        st.session_state[_name("problem", size)] = str(error)


def _name(what: str, size: tuple[int, int]) -> str:
    return f"data_prepare_{what}_{size[0]}x{size[1]}"


def _uses(size: tuple[int, int]) -> str:
    """Return a size with the presets that use it."""
    users = [name for name in presets.PRESETS if presets.preset(name).image_size == size]
    page = ["this page"] if size == STATISTICS_SIZE else []
    return f"{size[1]} × {size[0]} px: {', '.join(page + users)}"
