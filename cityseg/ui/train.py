"""The Train page: what to train on the left, how it is going on the right."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.ui import cached, cost, progress, recipe, shell, state, trials

_REFUSED = "launch_refused"
_NAME = "run_name"


def page() -> None:
    """Show the whole page."""
    left, right = st.columns([5, 7], gap="large")
    with left:
        _choose()
    with right:
        progress.follow()


@st.fragment
def _choose() -> None:
    """Choose, adjust and start; a change here leaves the rest of the page alone."""
    st.subheader("What to train", anchor=False)
    recipe.cards()
    config = recipe.form()
    info = _data()
    if config is not None and info is not None:
        cost.show(config, info)
        trials.offer(config, info.spec)
    st.text_input(
        "Name of the run",
        key=_NAME,
        placeholder="made from the preset and the time",
        help="Becomes the run's id on every page, in the address and on the command line.",
    )
    pressed = st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=config is None or info is None,
        on_click=_launch,
        key="start_training",
    )
    if refused := st.session_state.get(_REFUSED):
        st.error(f"The training was not started. {refused}", icon=":material/error:")
    elif pressed:
        # The new run belongs on the right, outside this fragment.
        st.rerun()
    st.caption("A training is a process of its own: closing this page, or the app, changes nothing for it.")


def _data() -> DataInfo | None:
    try:
        return cached.data_info(state.data_spec())
    except CitysegError as error:
        st.error(f"There is nothing to train on. {error}", icon=":material/link_off:")
        st.page_link(shell.DATASET_PAGE, label="Connect data", icon=":material/add_link:")
        return None


def _launch() -> None:
    """Start the process and look at the new run; what was refused is kept for beside the button.

    Reads the form as it is now: what was typed last has not been through the script yet.
    """
    st.session_state[_REFUSED] = None
    try:
        progress.look_at(api.launch(recipe.current(), state.data_spec(), name=st.session_state[_NAME]))
    except CitysegError as error:
        st.session_state[_REFUSED] = str(error)
        return
    st.session_state[_NAME] = ""
