"""The Train page: what to train on the left, how it is going on the right."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session, shell
from cityseg.ui.common import config_state
from cityseg.ui.train import config_form, cost, groups, monitor, preflight, queue, sweep

_REFUSED = "launch_refused"
_NAME = "run_name"


def page() -> None:
    """Show the whole page."""
    left, right = st.columns([5, 7], gap="large")
    with left:
        _choose()
    with right:
        queue.panel()
        monitor.follow()
    groups.show()


@st.fragment
def _choose() -> None:
    """Choose, adjust and start; a change here leaves the rest of the page alone."""
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
        placeholder="made from the preset and the time",
        help="Becomes the run's id on every page, in the address and on the command line.",
    )
    queue.start_button(_launch, _REFUSED, info is not None and config is not None)
    st.caption("A training is a process of its own: closing this page, or the app, changes nothing for it.")
    if sweep.panel(config, ready=info is not None):
        st.rerun()


def _data() -> DataInfo | None:
    try:
        return cache.data_info(session.data_spec())
    except CitysegError as error:
        st.error(f"There is nothing to train on. {error}", icon=":material/link_off:")
        st.page_link(shell.DATASET_PAGE, label="Connect data", icon=":material/add_link:")
        return None


def _launch() -> None:
    """Start the process and look at the new run, unless it has to wait; what was refused is kept for beside the button.

    Reads the form as it is now: what was typed last has not been through the script yet.
    """
    st.session_state[_REFUSED] = None
    try:
        run_id = api.launch(config_state.current(), session.data_spec(), name=st.session_state[_NAME])
    except CitysegError as error:
        st.session_state[_REFUSED] = str(error)
        return
    if run_id not in api.find_queue().waiting:
        monitor.look_at(run_id)
    st.session_state[_NAME] = ""
