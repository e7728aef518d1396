"""The Train page: what to train on the left, how it is going on the right."""

from __future__ import annotations

from typing import Any

import streamlit as st
import torch

from cityseg import api
from cityseg.api import DataInfo
from cityseg.config import ExperimentConfig
from cityseg.errors import CitysegError
from cityseg.models import arguments_of, build_model, count_parameters
from cityseg.ui import cached, groups, progress, queue, recipe, shell, state, sweep
from cityseg.ui.work import duration

_REFUSED = "launch_refused"
_NAME = "run_name"


def page() -> None:
    """Show the whole page."""
    left, right = st.columns([5, 7], gap="large")
    with left:
        _choose()
    with right:
        queue.panel()
        progress.follow()
    groups.show()


@st.fragment
def _choose() -> None:
    """Choose, adjust and start; a change here leaves the rest of the page alone."""
    st.subheader("What to train", anchor=False)
    recipe.cards()
    config = recipe.form()
    info = _data()
    if config is not None:
        _cost(config, info)
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
        return cached.data_info(state.data_spec())
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
        run_id = api.launch(recipe.current(), state.data_spec(), name=st.session_state[_NAME])
    except CitysegError as error:
        st.session_state[_REFUSED] = str(error)
        return
    if run_id not in api.find_queue().waiting:
        progress.look_at(run_id)
    st.session_state[_NAME] = ""


def _cost(config: ExperimentConfig, info: DataInfo | None) -> None:
    """Say what the training takes: parameters, steps, and time as far as this machine has shown it."""
    figures = [f"**{parameters(config.architecture, arguments_of(config)):,}** parameters"]
    if info is not None:
        frames = info.frames["train"]
        steps = -(-frames // config.batch_size) * config.epochs
        figures.append(f"**{steps:,}** steps over {frames:,} frames of **{info.name}**")
        figures.append(_time(config, frames * config.epochs))
    going = sum(result.state == "running" for result in cached.results())
    if going and queue.starts_at_once(cached.queue()):
        verb = "training is" if going == 1 else "trainings are"
        figures.append(f":orange[{going} {verb} running here already: all of them get slower]")
    st.markdown(":small[" + " · ".join(figures) + "]")


_PACE = (
    *("architecture", "start_channels", "depth", "block", "stem", "attention"),
    *("image_size", "half_size_epochs", "precision", "channels_last", "compile"),
)
"""Fields that decide how many frames pass per second."""


def _time(config: ExperimentConfig, frames: int) -> str:
    """Estimate from the newest run of the same network, size and number type, on whatever machine holds the runs."""
    for result in cached.results():
        alike = all(getattr(result.config, field) == getattr(config, field) for field in _PACE)
        pace = (result.progress or {}).get("frames_per_second")
        if result.source == "run" and alike and pace:
            return f"about **{duration(frames / pace)}** at the {pace:.0f} frames/s of {result.id}"
    return "time not known yet: nothing like it has been trained here"


@st.cache_data(show_spinner=False)
def parameters(architecture: str, arguments: dict[str, Any]) -> int:
    """Count a network's parameters without giving them memory."""
    with torch.device("meta"):
        return count_parameters(build_model(architecture, arguments))
