"""The table of presets and the settings form, which edit the config of ``ui.common.config_state``."""

from __future__ import annotations

import functools
from typing import Any, get_args

import streamlit as st

from cityseg import config as configuration
from cityseg.api import Result
from cityseg.config import SETTINGS, ExperimentConfig, presets
from cityseg.config.settings import GROUPS, Group
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary
from cityseg.ui.app.background import duration
from cityseg.ui.common import config_state

PUBLISHED = {"experiment-1": 0.181, "experiment-2": 0.205, "experiment-3": 0.256}
"""Macro F1 on test published by the first study, measured on full-size Cityscapes frames."""
_FAMILIES = {"Paper baselines": "experiment-", "Same networks, better recipe": "better-", "Recommended": "best-"}
"""Tabs of presets with the prefix of their names."""


def choose_preset() -> None:
    """Show a table of the presets; choosing one fills the form."""
    results = {result.id: result for result in cache.results() if result.source == "shipped"}
    chosen = config_state.values()["preset"]
    family = next((title for title, start in _FAMILIES.items() if chosen.startswith(start)), None)
    for tab, start in zip(st.tabs(list(_FAMILIES), default=family), _FAMILIES.values(), strict=True):
        with tab, st.container(gap="xsmall"):
            for name in presets.PRESETS:
                if name.startswith(start):
                    _row(name, results.get(name), chosen == name)
    st.caption(
        "Macro F1 on test, network, input size, epochs and training time.",
        help="Published: by the first study, for full-size Cityscapes frames; ours: the shipped model of that name. "
        "Scores on other data or at other sizes are not comparable. Then the base channels, depth and input size of "
        f"the network, and epochs and time of that model's training.  \n{glossary.SCORES['f1'][1]}",
    )


def _row(name: str, shipped: Result | None, chosen: bool) -> None:
    """Show a preset as a row: a button, its scores, and its network, input size, epochs and training time."""
    config = presets.preset(name)
    # Unlike columns, a horizontal container keeps the row together on a phone.
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"preset_row_{name}"):
        st.button(
            escape(name),
            key=f"preset_{name}",
            type="primary" if chosen else "secondary",
            icon=":material/check:" if chosen else None,
            width=140,
            on_click=config_state.fill,
            args=(config,),
        )
        # Beside a published score, the one at the network's size, which it was measured at.
        measured = ((PUBLISHED.get(name) and shipped.network_scores) or shipped.scores) if shipped else {}
        scores = {"published": PUBLISHED.get(name), "ours": measured.get("test", {}).get("macro", {}).get("f1")}
        words = [f"{origin} **{score:.3f}**" for origin, score in scores.items() if score is not None]
        facts = [
            f"{config.start_channels} channels",
            f"depth {config.depth}",
            glossary.size(config.image_size),
            glossary.counted(config.epochs, "epoch"),
        ]
        if shipped and shipped.seconds:
            facts.append(duration(shipped.seconds))
        facts = [fact.replace(" ", "\u00a0") for fact in facts]
        st.markdown(f":small[{' · '.join(words) or 'no score yet'}  \n:gray[{' · '.join(facts)}]]")


def form() -> ExperimentConfig | None:
    """Show the settings; return their config, or None after an error message if they are invalid."""
    summary = st.empty()
    try:
        config = config_state.current()
        without_effect = {field for field, setting in SETTINGS.items() if not setting.applies(config)}
    except CitysegError:
        # A setting without effect may be the invalid one, so all stay enabled.
        without_effect = set()
    with st.expander("Settings", icon=":material/tune:"):
        for tab, group in zip(st.tabs(GROUPS), GROUPS, strict=True):
            with tab:
                with st.grid(columns=2, min_column_width=180):
                    _fields(group, without_effect, advanced=False)
                if any(setting.advanced for setting in SETTINGS.values() if setting.group == group):
                    with st.expander("Advanced"), st.grid(columns=2, min_column_width=180):
                        _fields(group, without_effect, advanced=True)
    try:
        config = configuration.build(config_state.values())
    except CitysegError as error:
        summary.error(f"These settings are invalid. {escape(error)}.", icon=":material/error:")
        return None
    summary.markdown(_summary(config))
    return config


def _fields(group: Group, without_effect: set[str], *, advanced: bool) -> None:
    """Show the basic or the advanced settings of a group."""
    values = config_state.values()
    for field, setting in SETTINGS.items():
        if field != "preset" and (setting.group, setting.advanced) == (group, advanced):
            values[field] = _widget(field, values[field], disabled=field in without_effect)


def _summary(config: ExperimentConfig) -> str:
    """Return one line that lists the differences from the preset."""
    if config.preset not in presets.PRESETS:
        return "Custom settings, not from a preset."
    changed = configuration.differences(config, presets.preset(config.preset))
    if not changed:
        return f"**{escape(config.preset)}**, the unchanged preset: {presets.PRESETS[config.preset]}."
    words = [
        f"{glossary.label_in_sentence(field)} **{escape(glossary.setting(field, mine))}** "
        f"(preset {escape(glossary.setting(field, theirs))})"
        for field, (mine, theirs) in changed.items()
    ]
    return f"**{escape(config.preset)}**, differs from the preset: {', '.join(words)}."


def _widget(field: str, value: Any, *, disabled: bool) -> Any:
    """Show the widget of one setting and return its value.

    The value is also passed as the widget's default: a browser that loads a widget's code late, after the next rerun
    has begun, only knows the default.
    """
    setting, annotation = SETTINGS[field], ExperimentConfig.model_fields[field].annotation
    common: dict[str, Any] = {"help": setting.help, "disabled": disabled}
    if field == "image_size":
        sides = [("Frame height (pixels)", 2048), ("Frame width (pixels)", 4096)]
        parts = config_state.widget_values(field, value)
        return tuple(
            column.number_input(name, 8, most, part, step=8, key=key, **common)
            for column, (name, most), (key, part) in zip(st.columns(2), sides, parts, strict=True)
        )
    (common["key"], _), *_ = config_state.widget_values(field, value)
    if choices := get_args(annotation):
        return st.segmented_control(setting.label, choices, default=value, required=True, wrap=True, **common)
    if annotation is bool:
        return st.toggle(setting.label, value, **common)
    if setting.kind == "model":
        # A folder named on the command line stays among the options.
        known = [result.id for result in cache.results() if result.epochs_done]
        names = list(dict.fromkeys(["", *known, value]))
        return st.selectbox(setting.label, names, names.index(value), format_func=lambda name: name or "none", **common)
    if annotation is str:
        return st.text_input(setting.label, value, placeholder="none", **common)
    schema = _schema()["properties"][field]
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    highest = schema.get("maximum", schema.get("exclusiveMaximum", 2**31))
    if annotation is float:
        return st.number_input(
            setting.label, float(lowest), float(highest), value, step=setting.step, format="%g", **common
        )
    return st.number_input(setting.label, int(lowest), int(highest), value, step=1, **common)


@functools.cache
def _schema() -> dict[str, Any]:
    return ExperimentConfig.model_json_schema()
