"""The Train page: the config on the left, queue and run on the right."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, session, shell
from cityseg.ui.common import config_state
from cityseg.ui.common.callbacks import attempt
from cityseg.ui.common.job_panel import poll
from cityseg.ui.common.url_choice import enter_text
from cityseg.ui.train import config_form, cost, monitor, preflight, queue, run_groups, sweep

_ERROR = "launch_refused"
_NAME = "run_name"
_POLL_SECONDS = 2.0


def page() -> None:
    """Show the whole page."""
    left, right = st.columns(2, gap="large")
    watching = bool(api.running_checks())
    with left:
        poll(lambda: bool(api.running_checks()), _configure, running=watching, seconds=_POLL_SECONDS)
    with right:
        queue.panel(queue.starts_at_once(cache.queue()))
        monitor.follow()
    run_groups.show()


def _configure() -> None:
    """Choose a config, check it and start; in a fragment, so that a change reruns only this column."""
    st.header("What to train", anchor=False)
    config_state.follow_url()
    config_form.choose_preset()
    config = config_form.form()
    config_state.record_in_url()
    info = _data()
    price = ""
    if config is not None and info is not None:
        price = cost.show(config, info)
        preflight.offer(config, info.spec)
    enter_text(
        "Name of the run",
        _NAME,
        "name",
        placeholder="preset and time",
        help="The run's id on every page, in links and on the command line.",
    )
    with st.container(key="launch_bar", gap="xsmall"):
        if price:
            st.markdown(f":small[{price}]")
        queue.start_button(_launch, _ERROR, info is not None and config is not None)
    st.caption("A training runs in its own process and goes on when you close this page or the app.")
    if sweep.panel(config, ready=info is not None):
        st.rerun()


def _data() -> DataInfo | None:
    try:
        return cache.data_info(session.data_spec())
    except CitysegError as error:
        st.error(f"No data to train on. {escape(error)}", icon=":material/link_off:")
        shell.connect_link()
        return None


def _launch() -> None:
    """Queue the run and show it unless it has to wait; uses the form as it is now, including the latest input."""

    def launch() -> None:
        run_id = api.launch(config_state.current(), session.data_spec(), name=st.session_state[_NAME])
        if run_id in api.find_queue().waiting:
            st.toast(f"{escape(run_id)} waits in the queue.", icon=":material/playlist_add:")
        else:
            monitor.select(run_id)
            st.toast(f"{escape(run_id)} has started.", icon=":material/play_arrow:")
        st.session_state[_NAME] = ""

    attempt(_ERROR, launch)
