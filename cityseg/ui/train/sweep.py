"""A sweep on the Train page: which settings of the form to vary, how many runs that makes, and the button for them."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.config import ExperimentConfig
from cityseg.config.sweep import SWEPT_SETTINGS, Range, Sweep, expand, parse_bounds, parse_seeds, parse_values
from cityseg.errors import CitysegError
from cityseg.ui.app import glossary, session
from cityseg.ui.common import config_state

_GRID, _RANDOM = "Every combination", "Random draws"
_KIND, _FIELDS, _SEEDS, _DRAWS, _GROUP = "sweep_kind", "sweep_fields", "sweep_seeds", "sweep_draws", "sweep_group"
_REFUSED = "sweep_refused"
_MOST_FIELDS = 4


def panel(config: ExperimentConfig | None, *, ready: bool) -> bool:
    """Build a sweep from the form's settings; returns whether its runs have just been added to the queue.

    Args:
        config: the form's settings, or None where they cannot be trained.
        ready: whether there is data to train on.
    """
    with st.expander("Sweep: several runs at once", icon=":material/grid_view:"):
        st.caption(
            "Trains the settings above once for every value that you list, as runs of one group. Groups are set side "
            "by side at the bottom of this page. Several seeds show how much of a difference is luck."
        )
        _inputs()
        configs, words = _expanded(config)
        st.markdown(f":small[{words}]")
        pressed = st.button(
            "Add 1 run to the queue" if len(configs) == 1 else f"Add {len(configs) or ''} runs to the queue",
            icon=":material/playlist_add:",
            width="stretch",
            disabled=not configs or not ready,
            on_click=_add,
            key="sweep_add",
        )
        if refused := st.session_state.get(_REFUSED):
            st.error(f"The runs were not added. {refused}", icon=":material/error:")
    return pressed and not refused


def _inputs() -> None:
    kind = st.segmented_control(
        "What to try",
        (_GRID, _RANDOM),
        default=_GRID,
        key=_KIND,
        required=True,
        help="A grid tries every combination of the values. Random draws try a few from wide ranges, which finds good "
        "settings sooner when there are several to vary.",
    )
    fields = st.multiselect(
        "Settings to vary",
        SWEPT_SETTINGS,
        key=_FIELDS,
        max_selections=_MOST_FIELDS,
        format_func=glossary.label,
        placeholder="None: vary the seed only",
    )
    for field in fields:
        examples = ExperimentConfig.model_fields[field].examples or ["comma-separated values"]
        example = ", ".join(map(str, examples))
        st.text_input(
            glossary.label(field),
            key=_values_key(field),
            placeholder=f"{example}, or a range: 1e-4..1e-2" if kind == _RANDOM else example,
            help=f"{glossary.meaning(field)} A range that spans a factor of 10 or more is drawn from by factor, so "
            "that small values get their share.",
        )
    left, right = st.columns(2)
    if kind == _RANDOM:
        left.number_input("Draws", 1, 64, 6, key=_DRAWS, help="How many combinations to draw.")
        right.text_input("Seeds", key=_SEEDS, placeholder="the form's", help=_SEEDS_HELP)
    else:
        left.text_input("Seeds", key=_SEEDS, placeholder="0, 1, 2", help=_SEEDS_HELP)
        right.text_input("Group", key=_GROUP, placeholder=_default_group(), help=_GROUP_HELP)
        return
    st.text_input("Group", key=_GROUP, placeholder=_default_group(), help=_GROUP_HELP)


_SEEDS_HELP = "Every combination is trained once with each of these seeds; leave it empty for the form's own."
_GROUP_HELP = "The name that ties these runs together, in tables and on the command line."


def _values_key(field: str) -> str:
    return f"sweep_values_{field}"


def _default_group() -> str:
    return f"{config_state.values()['preset']}-sweep"


def _wanted() -> Sweep:
    """Read the sweep from the session, which knows it within a callback too.

    Raises:
        UsageError: something that cannot be read as values, a range or seeds.
    """
    lists: dict[str, list[str]] = {}
    ranges: dict[str, Range] = {}
    for field in st.session_state.get(_FIELDS, ()):
        text = st.session_state.get(_values_key(field), "")
        if ".." in text:
            ranges[field] = parse_bounds(field, text)
        else:
            lists[field] = parse_values(field, text)
    draws = st.session_state.get(_DRAWS) if st.session_state.get(_KIND) == _RANDOM else None
    return Sweep(lists, ranges, draws, parse_seeds(st.session_state.get(_SEEDS, "")))


def _group() -> str:
    return str(st.session_state.get(_GROUP) or _default_group())


def _expanded(config: ExperimentConfig | None) -> tuple[list[ExperimentConfig], str]:
    """Return the runs that the sweep makes with words on them, or none with what is missing."""
    if config is None:
        return [], ":gray[The settings above must be right first.]"
    fields = st.session_state.get(_FIELDS, ())
    empty = [field for field in fields if not st.session_state.get(_values_key(field), "").strip()]
    if empty:
        return [], f":gray[List values for {glossary.label_in_sentence(empty[0])}.]"
    if not fields and not st.session_state.get(_SEEDS, "").strip():
        return [], ":gray[Choose a setting to vary, or list two seeds.]"
    try:
        sweep = _wanted()
        configs = expand(config, sweep, _group())
    except CitysegError as error:
        return [], f":orange[{_escaped(str(error))}]"
    return configs, _count(sweep, len(configs))


def _count(sweep: Sweep, runs: int) -> str:
    """Say how the number of runs comes about: "3 values of learning rate × 2 seeds = 6 runs"."""
    if sweep.draws is None:
        factors = [
            f"{len(values)} {'value' if len(values) == 1 else 'values'} of {glossary.label_in_sentence(field)}"
            for field, values in sweep.lists.items()
        ]
    else:
        factors = [f"{sweep.draws} {'draw' if sweep.draws == 1 else 'draws'}"]
    if sweep.seeds:
        factors.append(f"{len(sweep.seeds)} {'seed' if len(sweep.seeds) == 1 else 'seeds'}")
    return f"{' × '.join(factors)} = **{runs} {'run' if runs == 1 else 'runs'}**"


def _escaped(text: str) -> str:
    """Keep brackets of a sentence from ending the colour it is written in."""
    return text.replace("[", "\\[").replace("]", "\\]")


def _add() -> None:
    """Put the runs in line; what was refused is kept for beside the button."""
    st.session_state[_REFUSED] = None
    try:
        api.launch_sweep(expand(config_state.current(), _wanted(), _group()), session.data_spec())
    except CitysegError as error:
        st.session_state[_REFUSED] = str(error)
