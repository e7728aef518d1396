"""The Train page: the config on the left, queue and run on the right."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, session, shell
from cityseg.ui.common import config_state
from cityseg.ui.train import config_form, cost, monitor, preflight, queue, run_groups, sweep
from cityseg.ui.train.callbacks import attempt

_ERROR = "launch_refused"
_NAME = "run_name"


def page() -> None:
    """Show the whole page."""
    left, right = st.columns([5, 7], gap="large")
    with left:
        _configure()
    with right:
        queue.panel()
        monitor.follow()
    run_groups.show()


@st.fragment
def _configure() -> None:
    """Choose a config, check it and start; a fragment, so that a change reruns only this column."""
    st.subheader("What to train", anchor=False)
    config_form.cards()
    config = config_form.form()
    info = _data()
    if config is not None and info is not None:
        cost.show(config, info)
        preflight.offer(config, info.spec)
    st.text_input(
        "Name of the run",
        key=_NAME,
        placeholder="preset and time",
        help="The run's id on every page, in links and on the command line.",
    )
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
        if run_id not in api.find_queue().waiting:
            monitor.select(run_id)
        st.session_state[_NAME] = ""

    attempt(_ERROR, launch)
