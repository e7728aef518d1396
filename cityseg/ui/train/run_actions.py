"""State and actions of a run: stop, resume, clone, edit, and where to go with its results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from cityseg import api
from cityseg.api import Result
from cityseg.ui.app import cache, session
from cityseg.ui.common import config_state, manage_results, model_card
from cityseg.ui.common.callbacks import attempt, show_error

BADGES: dict[str, tuple[str, Any, str]] = {
    "queued": (":material/hourglass_top:", "gray", "It starts when a slot of the queue is free."),
    "running": (":material/play_arrow:", "blue", "Its process is running."),
    "finished": (":material/check:", "green", "All epochs are done and the best weights are scored on val and test."),
    "stopped": (":material/pause:", "orange", "It was stopped and can be resumed where it left off."),
    "failed": (":material/error:", "red", "It ended early; the reason is below."),
}
_STOPPING, _ERROR = "run_stopping", "run_refused"


def show(result: Result, on_renamed: Callable[[str], None]) -> None:
    """Show the state as a badge with the actions that it allows; reruns the page after an action.

    ``on_renamed`` is called with the run's new id.
    """
    icon, color, meaning = BADGES[result.state]
    pressed = False
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(result.state, icon=icon, color=color, help=meaning)
        st.space("stretch")
        if result.state == "running":
            stopping = st.session_state.get(_STOPPING) == result.id
            label = "Stopping after this step" if stopping else "Stop"
            meaning = "It finishes its step, writes a checkpoint and can be resumed."
            pressed |= _button(result.id, label, ":material/pause:", meaning, api.stop, disabled=stopping)
        if result.state in ("stopped", "failed") and "averaged" not in result.run.describe():
            meaning = "Continue from the last checkpoint, or from the start if there is none."
            pressed |= _button(result.id, "Resume", ":material/play_arrow:", meaning, api.resume)
        pressed |= st.button(
            "Clone",
            icon=":material/content_copy:",
            help="Copy this run's settings into the form, to change and train again.",
            key=f"clone_{result.id}",
            on_click=config_state.fill,
            args=(result.config,),
        )
        pressed |= manage_results.edit([result], "Edit", f"edit_{result.id}", on_renamed)
    manage_results.describe(result)
    _links(result)
    if not show_error(f"{_ERROR}_{result.id}") and pressed:
        # The list of runs and the polling belong to the page, not to this fragment.
        st.rerun()


def _links(result: Result) -> None:
    """Link to the pages that show what has been measured, and offer the weights for other programs."""
    links = [
        ("inspect", "Inspect", ":material/troubleshoot:", "result", bool(result.scores)),
        ("compare", "Compare", ":material/compare:", "runs", bool(result.scores)),
        ("predict", "Predict", ":material/add_a_photo:", "model", result.has_weights),
    ]
    if not any(shown for *_, shown in links):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for page, label, icon, parameter, shown in links:
            if shown:
                query = {parameter: _with_best(result) if page == "compare" else result.id}
                st.page_link(f"pages/{page}.py", label=label, icon=icon, query_params=query | session.data_parameters())
        if result.state not in ("queued", "running"):
            model_card.button(result)
        if result.has_weights:
            st.download_button(
                "ONNX",
                partial(_onnx, result.id, session.data_spec()),
                f"{result.id}.onnx",
                key=f"onnx_{result.id}",
                icon=":material/deployed_code:",
                type="tertiary",
                on_click="ignore",
                help="Exports the best weights, and compares both on eight frames of the connected data first.",
            )


def _with_best(result: Result) -> str:
    """Return the run and the best shipped model, to compare them."""
    best = api.ranked([other for other in cache.results() if other.source == "shipped"])
    return ",".join(dict.fromkeys([result.id, *(other.id for other in best[:1])]))


def _onnx(model: str, spec: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        api.export(model, path, spec)
        return path.read_bytes()


def _button(
    run_id: str, label: str, icon: str, meaning: str | None, verb: Callable[[str], None], **settings: Any
) -> bool:
    key = f"{verb.__name__}_{run_id}"
    return st.button(label, icon=icon, help=meaning, key=key, on_click=_act, args=(verb, run_id), **settings)


def _act(verb: Callable[[str], None], run_id: str) -> None:
    attempt(f"{_ERROR}_{run_id}", verb, run_id)
    failed = bool(st.session_state[f"{_ERROR}_{run_id}"])
    st.session_state[_STOPPING] = run_id if verb is api.stop and not failed else None
