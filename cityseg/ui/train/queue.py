"""The queue on the Train page: running and waiting runs, and the start button, refreshed in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from cityseg import api
from cityseg import config as configuration
from cityseg.analysis.comparison.comparability import differing_settings
from cityseg.api import Queue, Result
from cityseg.api.types import MOST_SLOTS
from cityseg.config import presets
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, shell
from cityseg.ui.common.callbacks import attempt, show_error
from cityseg.ui.train import monitor

_POLL_SECONDS = 2.0
_ERROR = "queue_refused"
_SLOTS, _SHOWN_SLOTS = "queue_slots", "queue_slots_seen"
_SHOWN_SETTINGS = 3


def start_button(launch: Callable[[], None], error_key: str, ready: bool) -> None:
    """Show the button that starts a training, or queues it while no slot is free, and the error of the last attempt."""
    queue = cache.queue()
    at_once = starts_at_once(queue)
    pressed = st.button(
        "Start training" if at_once else "Add to the queue",
        type="primary",
        icon=":material/play_arrow:" if at_once else ":material/playlist_add:",
        width="stretch",
        disabled=not ready,
        on_click=launch,
        key="start_training",
    )
    if not at_once:
        st.caption(f"{_summary(queue)}. The run starts by itself when a slot is free.")
    if not show_error(error_key, "The training was not started. ") and pressed:
        # The new run is shown in another column.
        st.rerun()


def starts_at_once(queue: Queue) -> bool:
    """Whether a run added now would start at once."""
    return queue.free > len(queue.waiting)


@st.fragment(run_every=_POLL_SECONDS)
def panel(at_once: bool) -> None:
    """Show the queue in compact rows; a fragment, so that only the rows rerun as it advances.

    ``at_once`` is what the page shows of ``starts_at_once``; the page reruns when that changes.
    """
    queue = cache.queue()
    if starts_at_once(queue) != at_once:
        st.rerun()
    results = {result.id: result for result in cache.results()}
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.header("Queue", anchor=False, width="content")
        st.markdown(f":small[:gray[{_summary(queue)}]]", width="stretch")
        _slots(queue)
        if len(queue.waiting) > 1:
            with st.popover("Remove all", icon=":material/playlist_remove:"):
                st.markdown(f"Remove all {len(queue.waiting)} waiting runs from the queue? They can be resumed later.")
                _button("Remove from queue", "withdraw_all", api.withdraw, queue.waiting, type="primary")
    selected = False
    rows = [run_id for run_id in (*queue.running, *queue.starting, *queue.waiting) if run_id in results]
    if rows:
        with st.container(border=True, gap="xxsmall", key="queue_rows"):
            for run_id in rows:
                selected |= _row(results[run_id], queue, results.values())
    show_error(_ERROR)
    if selected:
        # The selected run is shown outside this fragment.
        st.rerun()


def _summary(queue: Queue) -> str:
    running, waiting = len(queue.running) + len(queue.starting), len(queue.waiting)
    return f"{running} running, {waiting} waiting" if running or waiting else "No run is running or waiting"


def _slots(queue: Queue) -> None:
    # Another tab may have changed the number. Setting it on every poll would discard what the user types.
    if _SLOTS not in st.session_state or st.session_state.get(_SHOWN_SLOTS) != queue.slots:
        st.session_state[_SLOTS] = st.session_state[_SHOWN_SLOTS] = queue.slots
    with st.popover(f"{queue.slots} at once", icon=":material/view_week:", key="queue_slots_popover"):
        st.number_input(
            "Trainings at once",
            1,
            MOST_SLOTS,
            key=_SLOTS,
            on_change=lambda: attempt(_ERROR, api.set_slots, st.session_state[_SLOTS]),
            help="Runs that train in parallel share the machine: one is best unless it has capacity to spare.",
        )


def _row(result: Result, queue: Queue, results: Iterable[Result]) -> bool:
    """Show one run of the queue; returns whether the user selected it."""
    run_id = result.id
    position = queue.waiting.index(run_id) + 1 if run_id in queue.waiting else None
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"queue_row_{run_id}"):
        # On a phone the settings wrap below the name, and the buttons stay beside both.
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            icon = f"**{position}**" if position else ":blue[:material/play_arrow:]"
            selected = _button(
                f"{icon} {escape(run_id)}", f"look_{run_id}", monitor.select, run_id, help="Show this run below."
            )
            words = distinguishing_settings(result, results) if position else shell.training_progress(result)[1]
            st.markdown(f":small[:gray[{escape(words)}]]", width="content")
        if position:
            with st.container(horizontal=True, gap="xsmall", width="content"):
                last = len(queue.waiting)
                for direction, icon, steps, end in (("Earlier", "upward", -1, 1), ("Later", "downward", 1, last)):
                    label, key = f":material/arrow_{icon}:", f"{direction.lower()}_{run_id}"
                    _button(label, key, _move, run_id, steps, help=direction, disabled=position == end)
                meaning = "Remove from queue; the run can be resumed or deleted later."
                _button(":material/close:", f"withdraw_{run_id}", api.withdraw, (run_id,), help=meaning)
    return selected


def distinguishing_settings(result: Result, results: Iterable[Result]) -> str:
    """List the settings that vary within a run's group, or its preset and the differences from it."""
    config = result.config
    words, fields = [], []
    if config.group:
        members = {other.id: other.config.model_dump() for other in results if other.config.group == config.group}
        fields = list(differing_settings(members))
    elif config.preset in presets.PRESETS:
        words, fields = [config.preset], list(configuration.differences(config, presets.preset(config.preset)))
    else:
        words = ["custom settings"]
    for field in fields[:_SHOWN_SETTINGS]:
        words.append(f"{glossary.label_in_sentence(field)} {glossary.setting(field, getattr(config, field))}")
    if len(fields) > _SHOWN_SETTINGS:
        words.append("…")
    return " · ".join(words)


def _button(label: str, key: str, verb: Callable[..., None], *arguments: Any, **settings: Any) -> bool:
    settings = {"type": "tertiary", **settings}
    return st.button(label, key=f"queue_{key}", on_click=attempt, args=(_ERROR, verb, *arguments), **settings)


def _move(run_id: str, steps: int) -> None:
    """Move a run relative to its current position, which another tab may have changed."""
    waiting = api.find_queue().waiting
    if run_id in waiting:
        position = waiting.index(run_id) + 1 + steps
        api.move_in_queue(run_id, min(len(waiting), max(1, position)))
