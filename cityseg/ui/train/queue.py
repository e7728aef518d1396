"""The queue on the Train page: what trains, what waits, and the button that starts or adds; renewed in place."""

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
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, glossary, shell
from cityseg.ui.train import monitor

_TICK = 2.0
_REFUSED = "queue_refused"
_SLOTS, _SLOTS_SEEN = "queue_slots", "queue_slots_seen"
_SHOWN_SETTINGS = 3


@st.fragment(run_every=_TICK)
def start_button(launch: Callable[[], None], refused_key: str, ready: bool) -> None:
    """Show the button that starts a training, or adds it to the queue where no slot is free, and what was refused.

    Args:
        launch: called when it is pressed, before the script runs.
        refused_key: where the session keeps the sentence on what was refused, if anything was.
        ready: whether there is something that can be trained.
    """
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
        st.caption(f"{_standing(queue)}. It starts by itself when its turn comes.")
    if refused := st.session_state.get(refused_key):
        st.error(f"The training was not started. {refused}", icon=":material/error:")
    elif pressed:
        # The new run belongs on the right, outside this fragment.
        st.rerun()


def starts_at_once(queue: Queue) -> bool:
    """Whether a run that is added now would start now."""
    return queue.free > len(queue.waiting)


@st.fragment(run_every=_TICK)
def panel() -> None:
    """Show the queue in compact rows; nothing but these rows is drawn again while it moves on."""
    queue = cache.queue()
    results = {result.id: result for result in cache.results()}
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.subheader("Queue", anchor=False, width="content")
        st.markdown(f":small[:gray[{_standing(queue)}]]", width="stretch")
        _slots(queue)
        if len(queue.waiting) > 1:
            with st.popover("Withdraw all", icon=":material/playlist_remove:"):
                st.markdown(f"Take all {len(queue.waiting)} waiting runs out of the queue? They can be resumed later.")
                _button("Withdraw them", "withdraw_all", "", api.withdraw, queue.waiting, kind="primary")
    looked = False
    rows = [*queue.running, *queue.starting, *queue.waiting]
    if rows:
        with st.container(border=True, gap="xxsmall", key="queue_rows"):
            for run_id in rows:
                if run_id in results:
                    looked |= _row(results[run_id], queue, results.values())
    if refused := st.session_state.get(_REFUSED):
        st.error(refused, icon=":material/error:")
    if looked:
        # The run that is followed is the page's, not this fragment's.
        st.rerun()


def _standing(queue: Queue) -> str:
    """Say in a few words what trains and what waits."""
    going, waiting = len(queue.running) + len(queue.starting), len(queue.waiting)
    if not going and not waiting:
        return "Nothing trains or waits"
    return f"{going} in training, {waiting} waiting"


def _slots(queue: Queue) -> None:
    # Another tab may have changed it. Set only then, or a tick would take away what is being typed.
    if _SLOTS not in st.session_state or st.session_state.get(_SLOTS_SEEN) != queue.slots:
        st.session_state[_SLOTS] = st.session_state[_SLOTS_SEEN] = queue.slots
    with st.popover(f"{queue.slots} at once", icon=":material/view_week:", key="queue_slots_popover"):
        st.number_input(
            "Trainings at once",
            1,
            MOST_SLOTS,
            key=_SLOTS,
            on_change=_set_slots,
            help="How many runs of the queue train side by side. They share the machine, so two take about twice as "
            "long each. One is right unless the machine has room to spare.",
        )


def _set_slots() -> None:
    _act(api.set_slots, st.session_state[_SLOTS])


def _row(result: Result, queue: Queue, results: Iterable[Result]) -> bool:
    """Show one run of the queue; returns whether the visitor wants to look at it."""
    run_id = result.id
    place = queue.waiting.index(run_id) + 1 if run_id in queue.waiting else None
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"queue_row_{run_id}"):
        # On a phone the words go below the name, and the buttons stay beside both.
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            icon = f"**{place}**" if place else ":blue[:material/play_arrow:]"
            looked = st.button(
                f"{icon} {run_id}",
                key=f"queue_look_{run_id}",
                type="tertiary",
                help="Show this run below.",
                on_click=monitor.look_at,
                args=(run_id,),
            )
            words = settings_in_words(result, results) if place else shell.training_progress(result)[1]
            st.markdown(f":small[:gray[{words}]]", width="content")
        if place:
            with st.container(horizontal=True, gap="xsmall", width="content"):
                _waiting_buttons(run_id, place, len(queue.waiting))
    return looked


def _waiting_buttons(run_id: str, place: int, places: int) -> None:
    _button(":material/arrow_upward:", f"earlier_{run_id}", "Earlier", _move, run_id, -1, disabled=place == 1)
    _button(":material/arrow_downward:", f"later_{run_id}", "Later", _move, run_id, 1, disabled=place == places)
    meaning = "Withdraw: it leaves the queue, and can be resumed or deleted later."
    _button(":material/close:", f"withdraw_{run_id}", meaning, api.withdraw, (run_id,))


def settings_in_words(result: Result, results: Iterable[Result]) -> str:
    """Name what tells a run apart: the settings that vary in its group, else its preset and what differs from it."""
    mine = result.config.model_dump()
    if result.config.group:
        alike = {one.id: one.config.model_dump() for one in results if one.config.group == result.config.group}
        fields = list(differing_settings(alike))
        words = []
    elif result.config.preset in presets.PRESETS:
        fields = list(configuration.differences(result.config, presets.preset(result.config.preset)))
        words = [result.config.preset]
    else:
        fields, words = [], ["settings of its own"]
    words += [
        f"{glossary.label_in_sentence(field)} {glossary.setting(field, mine[field])}"
        for field in fields[:_SHOWN_SETTINGS]
    ]
    return " · ".join([*words, *(["…"] if len(fields) > _SHOWN_SETTINGS else [])])


def _button(
    label: str,
    key: str,
    help_text: str,
    verb: Callable[..., None],
    *words: Any,
    kind: Any = "tertiary",
    disabled: bool = False,
) -> None:
    st.button(
        label,
        key=f"queue_{key}",
        help=help_text or None,
        type=kind,
        disabled=disabled,
        on_click=_act,
        args=(verb, *words),
    )


def _move(run_id: str, steps: int) -> None:
    """Move by places from where the run is now, which may not be where this tab last saw it."""
    waiting = api.find_queue().waiting
    if run_id in waiting:
        place = waiting.index(run_id) + 1 + steps
        api.move_in_queue(run_id, min(len(waiting), max(1, place)))


def _act(verb: Callable[..., None], *words: Any) -> None:
    """Do what was asked; what was refused is kept for beside the rows."""
    st.session_state[_REFUSED] = None
    try:
        verb(*words)
    except CitysegError as error:
        st.session_state[_REFUSED] = str(error)
