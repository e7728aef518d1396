"""The selected run on the Train page: state, metrics and progress, refreshed in place while it runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import streamlit as st

from cityseg import api
from cityseg.api import Result
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, history, shell, url_state
from cityseg.ui.app.background import duration
from cityseg.ui.common import damaged
from cityseg.ui.common.errors import errors_shown
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.train import probes, run_actions, run_details

ACTIVE = ("queued", "running")
_CHOICE = "followed_run"
_PARAMETER = "run"
_POLL_SECONDS, _SLOW_POLL_SECONDS = 2.0, 5.0
_LOAD = "load of the followed run"
_METRIC_WIDTH = 118
"""Pixels; four metrics in a row on a desktop, two on a phone."""


def select(run_id: str) -> None:
    """Select the run to show; to be called from a callback."""
    url_state.request(_CHOICE, run_id)


def follow() -> None:
    """Show one run, initially the newest running one or else the newest that started, and refresh it while active."""
    st.header("Run", anchor=False)
    damaged.notice()
    shown = {st.session_state.get(_CHOICE), url_state.pending(_CHOICE), history.read(_PARAMETER)}
    runs = [
        result
        for result in cache.results()
        if result.source == "run" and (not result.notes.archived or result.id in shown)
    ]
    ids = [result.id for result in runs]
    if not ids:
        history.record(_PARAMETER, None)
        st.info(
            "**No training yet.** Choose a preset and press **Start training**; better-1 is the fastest good one.",
            icon=":material/model_training:",
        )
        return
    # A queued run has nothing to show yet.
    started = sorted((run for run in runs if run.state != "queued"), key=lambda run: run.state != "running")
    newest = [*started, *runs][0].id
    look: dict[str, Any] = {"label_visibility": "collapsed", "help": "Newest first."}
    run_id = choose_option(st.selectbox, "Run", ids, _CHOICE, _PARAMETER, newest, **look)
    result = _read(run_id)
    if result is None:
        return
    active = result.state in ACTIVE
    fast, slow = (_POLL_SECONDS, _SLOW_POLL_SECONDS) if active else (None, None)
    st.fragment(_summary, run_every=fast)(run_id, active)
    tabs: dict[str, Callable[[Result], None]] = {
        "Curves": run_details.curves,
        "Classes": run_details.classes,
        "Predictions": probes.show,
        "Log and settings": run_details.log,
    }
    for tab, (title, render) in zip(st.tabs(list(tabs)), tabs.items(), strict=True):
        with tab:
            st.fragment(_detail, run_every=fast if title == "Curves" else slow)(run_id, render)


def _read(run_id: str) -> Result | None:
    try:
        return api.find_result(run_id)
    except CitysegError as error:
        if run_id not in {result.id for result in cache.results()}:
            # Deleted since the page was shown.
            st.rerun()
        st.error(f"This run cannot be read. {escape(error)}", icon=":material/error:")
        return None


@errors_shown()
def _detail(run_id: str, render: Callable[[Result], None]) -> None:
    if result := _read(run_id):
        render(result)


@errors_shown()
def _summary(run_id: str, active: bool) -> None:
    """Show state, actions, metrics and progress; reruns the page when the run ends."""
    result = _read(run_id)
    if result is None:
        return
    if (result.state in ACTIVE) != active:
        st.rerun()
    run_actions.show(result, select)
    _metrics(result, active=active)
    if active:
        share, words = shell.training_progress(result)
        st.progress(share, text=_step(result) or words[0].upper() + words[1:])
        _load(result)
    if result.state == "failed":
        st.error(f"**This run failed.** {escape(result.error or 'No reason was recorded.')}", icon=":material/error:")


def _metrics(result: Result, *, active: bool) -> None:
    epochs = result.run.epochs()
    best = max(epochs, key=lambda line: line["val"]["macro"]["f1"] or 0.0, default=None)
    # An average of models was never trained: it has scores, but no history.
    scores = best["val"]["macro"] if best else result.scores.get("val", {}).get("macro", {})
    seconds = (result.progress or {}).get("seconds_left") if active else result.seconds
    done = f"{len(epochs) or result.epochs_done} / {result.config.epochs}"
    with st.container(horizontal=True, gap="small"):
        st.metric("Epochs", done, help="Finished and planned epochs.", width=_METRIC_WIDTH)
        for label, key, when in (("Macro F1", "f1", "Best epoch"), ("Mean IoU", "iou", "Same epoch")):
            meaning = f"{when}, on val. {glossary.SCORES[key][1]}"
            st.metric(label, glossary.score(scores.get(key)), help=meaning, width=_METRIC_WIDTH)
        label = "Time left" if active else "Training time"
        meaning = "Estimated from the pace so far." if active else "Without preparing the data, done once per size."
        st.metric(label, duration(seconds) if seconds else glossary.ABSENT, help=meaning, width="content")


def _load(result: Result) -> None:
    """Show the processor cores, the memory and the GPUs that the run uses now; nothing if it runs elsewhere."""
    try:
        load = api.find_load(result.run.status())
    except CitysegError:  # it is being deleted
        return
    if load is None:
        return
    earlier, st.session_state[_LOAD] = st.session_state.get(_LOAD), (result.id, load)
    words = [f"{load.memory_bytes / 2**30:.1f} GB of memory"]
    if earlier and earlier[0] == result.id and load.moment > earlier[1].moment:
        words.insert(0, f"{load.cores_since(earlier[1]):.1f} of {os.cpu_count()} cores busy")
    for gpu in load.gpus:
        share = f"{gpu.memory_bytes / 2**30:.1f} of {gpu.total_bytes / 2**30:.0f} GB"
        words.append(f"GPU {100 * gpu.busy:.0f} % busy, {share} of its memory")
    st.caption(f":material/memory: {' · '.join(words)}")


def _step(result: Result) -> str:
    """Return epoch, step, pace and loss in a line; empty before the first step."""
    now = result.progress
    if not now or not now.get("steps"):
        return ""
    if now["step"] >= now["steps"]:
        return "All steps done: scoring the best weights on val and test"
    return (
        f"Epoch {now['epoch']} of {now['epochs']} · step {now['step']:,} of {now['steps']:,} · "
        f"{now['frames_per_second']:.1f} frames/s · loss {now['loss']:.3f}"
    )
