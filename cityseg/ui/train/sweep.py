"""A sweep on the Train page: the settings to vary, the resulting number of runs, and the button that queues them."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.config import ExperimentConfig
from cityseg.config.sweep import SWEPT_SETTINGS, Range, Sweep, expand, parse_bounds, parse_seeds, parse_values
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import glossary, session
from cityseg.ui.common import config_state
from cityseg.ui.common.callbacks import attempt, show_error

_GRID, _RANDOM = "Grid", "Random"
_KIND, _FIELDS, _SEEDS, _DRAWS, _GROUP = "sweep_kind", "sweep_fields", "sweep_seeds", "sweep_draws", "sweep_group"
_ERROR = "sweep_refused"


def panel(config: ExperimentConfig | None, *, ready: bool) -> bool:
    """Build a sweep from the form's config, None if invalid; returns whether its runs have just been queued."""
    with st.expander("Sweep: several runs at once", icon=":material/grid_view:"):
        st.caption(
            "Trains the settings above once for each listed value, as runs of one group. Groups are compared below. "
            "Several seeds show how much of a difference is random."
        )
        _inputs()
        configs, words = _expanded(config)
        st.markdown(f":small[{words}]")
        pressed = st.button(
            f"Add {glossary.counted(len(configs), 'run') if configs else 'runs'} to the queue",
            icon=":material/playlist_add:",
            width="stretch",
            disabled=not configs or not ready,
            on_click=_add,
            key="sweep_add",
        )
        failed = show_error(_ERROR, "The runs were not added. ")
    return pressed and not failed


def _inputs() -> None:
    kind = st.segmented_control(
        "Search",
        (_GRID, _RANDOM),
        default=_GRID,
        key=_KIND,
        required=True,
        help="A grid trains every combination of the values; a random search samples some, also from ranges.",
    )
    fields = st.multiselect(
        "Settings to vary",
        SWEPT_SETTINGS,
        key=_FIELDS,
        max_selections=4,
        format_func=glossary.label,
        placeholder="None: vary the seed only",
    )
    for field in fields:
        example = ", ".join(map(str, ExperimentConfig.model_fields[field].examples or ["comma-separated values"]))
        st.text_input(
            glossary.label(field),
            key=_values_key(field),
            placeholder=f"{example}, or a range: 1e-4..1e-2" if kind == _RANDOM else example,
            help=f"{glossary.meaning(field)} Ranges that span a factor of 10 or more are sampled log-uniformly.",
        )
    if kind == _RANDOM:
        st.number_input("Samples", 1, 64, 6, key=_DRAWS, help="Number of combinations to sample.")
    left, right = st.columns(2)
    seeds_help = "Trains every combination once with each seed; empty for the form's seed."
    left.text_input("Seeds", key=_SEEDS, placeholder="0, 1, 2", help=seeds_help)
    group_help = "Name of the group, in tables and on the command line."
    right.text_input("Group", key=_GROUP, placeholder=_default_group(), help=group_help)


def _values_key(field: str) -> str:
    return f"sweep_values_{field}"


def _default_group() -> str:
    return f"{config_state.values()['preset']}-sweep"


def _sweep() -> Sweep:
    """Return the sweep of the widgets, also from within a callback; raises UsageError if it is invalid."""
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
    """Return the configs of the sweep with their count, or none with the reason, in Markdown."""
    if config is None:
        return [], ":gray[The settings above are invalid.]"
    fields = st.session_state.get(_FIELDS, ())
    empty = [field for field in fields if not st.session_state.get(_values_key(field), "").strip()]
    if empty:
        return [], f":gray[List values for {glossary.label_in_sentence(empty[0])}.]"
    if not fields and not st.session_state.get(_SEEDS, "").strip():
        return [], ":gray[Choose a setting to vary, or list two seeds.]"
    try:
        sweep = _sweep()
        configs = expand(config, sweep, _group())
    except CitysegError as error:
        return [], f":orange[{escape(error)}]"
    return configs, _count(sweep, len(configs))


def _count(sweep: Sweep, runs: int) -> str:
    """Return the number of runs as a product: "3 values of learning rate × 2 seeds = 6 runs"."""
    counted = glossary.counted
    if sweep.draws is None:
        factors = [
            f"{counted(len(values), 'value')} of {glossary.label_in_sentence(field)}"
            for field, values in sweep.lists.items()
        ]
    else:
        factors = [counted(sweep.draws, "sample")]
    if sweep.seeds:
        factors.append(counted(len(sweep.seeds), "seed"))
    return f"{' × '.join(factors)} = **{counted(runs, 'run')}**"


def _add() -> None:
    attempt(_ERROR, lambda: api.launch_sweep(expand(config_state.current(), _sweep(), _group()), session.data_spec()))
