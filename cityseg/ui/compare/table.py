"""The table of all results, runs and shipped models alike, and the selection of its rows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from cityseg.analysis.comparison.comparability import Basis, obstacles
from cityseg.api import Result, ranked
from cityseg.api.types import Split
from cityseg.config import ExperimentConfig
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, history, session, url_state
from cityseg.ui.app.background import duration
from cityseg.ui.common import export, manage_results, tables
from cityseg.ui.compare import table_filters

_SELECTED, _PARAMETER = "compared", "runs"
_HEIGHT = 250
"""Pixels of the table at most: the tabs below it stay within the first screen."""
_LINKS = "links followed to compared"
_PRESELECTED = 6
"""Results selected by default at most."""

_SCORES: dict[str, tuple[str, str, str]] = {
    "Macro F1": ("macro", "f1", glossary.SCORES["f1"][1]),
    "Mean IoU": ("macro", "iou", glossary.SCORES["iou"][1]),
    "Macro precision": ("macro", "precision", glossary.SCORES["precision"][1]),
    "Macro recall": ("macro", "recall", glossary.SCORES["recall"][1]),
    "Weighted F1": ("weighted", "f1", glossary.WEIGHTED_F1),
    "Samples Dice": ("", "samples_dice", glossary.SAMPLES_DICE),
    "Pixel accuracy": ("", "pixel_accuracy", glossary.PIXEL_ACCURACY),
}
"""By column: the two keys of the score in a summary, and its meaning."""
SCORE_COLUMNS = list(_SCORES)
_SETTINGS = {
    name: glossary.label(name)
    for name in ("image_size", "batch_size", "learning_rate", "optimizer", "schedule", "precision")
}
"""Settings shown by default, with their columns."""
_NUMBERS = ("batch_size", "learning_rate")
"""Settings that stay numbers, so that the column sorts by them."""
_STAR, _FOUND = "Baseline", "Classes found"
_OPTIONAL = ("Group", "Tags", "Note")
"""Columns that are left out if no result has a value."""
DEFAULT_COLUMNS = (
    *(_STAR, "Name", "State", "Group", "Tags", *SCORE_COLUMNS, _FOUND, "Speed", "Trained on", "Measured on"),
    *("Parameters", "Epochs", "Loss", *_SETTINGS.values(), "Training time", "Folder", "Note"),
)
"""Columns shown by default; every other setting can be added."""


def named(everything: list[Result]) -> dict[str, Result]:
    """Return results by a unique name: a run may have the name of a shipped model."""
    runs = {result.id for result in everything if result.source == "run"}
    return {
        f"{result.id} (shipped)" if result.source == "shipped" and result.id in runs else result.id: result
        for result in everything
    }


def table(everything: dict[str, Result], split: Split, baseline: str | None) -> dict[str, Result]:
    """Show the results that pass the filters; return the ticked ones and the baseline, in the table's order."""
    bar = st.container(horizontal=True, gap="small", vertical_alignment="bottom")
    with bar:
        data = cache.connected_data(session.data_spec())

        def place(name: str) -> tuple[bool, bool]:
            result = everything[name]
            return split not in result.scores, not (data and data.holds_frames_of(result, split))

        # Results on the connected data come first, those without a score on this split last.
        shown = sorted(table_filters.filtered(everything), key=place)
        whole = frame(everything, split, baseline)
        chosen = table_filters.choose_columns(list(whole.columns), DEFAULT_COLUMNS)
        columns = [name for name in chosen if name not in _OPTIONAL or whole[name].notna().any()]
        editing = st.container(width="content")
    selected = _selection(everything, split)
    part = whole.set_index("Name", drop=False).loc[shown, columns].reset_index(drop=True)
    rows = [shown.index(name) for name in selected if name in shown]
    event: Any = st.dataframe(
        part if baseline is None else _differences(part, everything[baseline], split, baseline),
        # Rows are selected by position, so another list of rows needs a new widget.
        key=f"results_{hash(tuple(shown))}_{st.session_state.get(_LINKS, 0)}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows, "columns": [], "cells": []}},
        hide_index=True,
        height=min(38 + 35 * max(1, len(shown)), _HEIGHT),
        column_config=_column_config(split, signed=baseline is not None),
        placeholder=glossary.ABSENT,
        alt=f"All results with their settings and their scores on {split}",
    )
    ticked = {shown[row] for row in event["selection"]["rows"] if row < len(shown)}
    hidden = [name for name in selected if name not in shown]
    selected = [name for name in everything if name in ticked or name in hidden]
    st.session_state[_SELECTED] = selected
    with editing:
        manage_results.edit([everything[name] for name in selected], "Edit selected", "compare_edit", _select_renamed)
    url_state.keep(_PARAMETER, ",".join(selected) or None)
    text = "Tick rows to compare them; click a column title to sort. An empty score: not measured on this split yet."
    if baseline is not None:
        text = (
            f"Scores are differences from ★ {escape(baseline)}, whose row holds its own: blue and + better, orange "
            "and − worse. An empty score: not measured on this split, or not comparable."
        )
    st.caption(text + (f" Selected, but hidden by the filters: {escape(', '.join(hidden))}." if hidden else ""))
    saved = _to_save(part, everything, split, baseline)
    differences = [str(name) for name in saved if name not in part]
    with bar:
        export.table(saved, f"cityseg-results-{split}", "results", differences)
    return {name: everything[name] for name in everything if name in selected or name == baseline}


def _selection(everything: dict[str, Result], split: Split) -> list[str]:
    """Return the results named by a followed link, or else the last selection, or else the default."""
    linked = history.arriving(_SELECTED, _PARAMETER)
    named = [name for name in dict.fromkeys((linked or "").split(",")) if name]
    found = [name for name in named if name in everything]
    if found or linked is not None:
        st.session_state[_SELECTED] = found or preselected(everything, split)
        st.session_state[_LINKS] = st.session_state.get(_LINKS, 0) + 1
    elif _SELECTED not in st.session_state:
        st.session_state[_SELECTED] = preselected(everything, split)
    selected = [name for name in st.session_state[_SELECTED] if name in everything]
    gone = [name for name in named if name not in everything]
    if gone and history.is_link():
        url_state.report_stale(_PARAMETER, gone, ", ".join(selected))
    return selected


def _select_renamed(name: str) -> None:
    select_also([name])


def select_also(names: list[str]) -> None:
    """Tick further results, before ``table`` in the same run."""
    if names:
        st.session_state[_SELECTED] = list(dict.fromkeys([*st.session_state.get(_SELECTED, ()), *names]))
        st.session_state[_LINKS] = st.session_state.get(_LINKS, 0) + 1


def preselected(everything: dict[str, Result], split: Split) -> list[str]:
    """Return the newest scored run, or else the best result, and the best of those that are comparable with it.

    Results on the connected data come first.
    """
    scores = {
        name: score
        for name, result in everything.items()
        if (score := result.score(split, "f1")) is not None and not result.notes.archived
    }
    if not scores:
        return []
    data = cache.connected_data(session.data_spec())
    best_first = {result.id: place for place, result in enumerate(ranked(everything.values(), data))}
    here = [name for name in scores if data and data.holds_frames_of(everything[name], split)] or list(scores)
    runs = [name for name in here if everything[name].source == "run"]
    lead = runs[0] if runs else min(here, key=lambda name: best_first[everything[name].id])
    basis = Basis.of(everything[lead].scores[split], split)
    others = [
        name
        for name in sorted(scores, key=lambda name: -scores[name])
        if name != lead and not obstacles(basis, Basis.of(everything[name].scores[split], split))
    ]
    return [lead, *others[: _PRESELECTED - 1]]


def frame(everything: dict[str, Result], split: Split, baseline: str | None = None) -> pd.DataFrame:
    """Return a row per result: name, state, scores on ``split``, speed, data and settings.

    With a baseline the scores are differences from its own, NaN for results that are not comparable with it.
    """
    rows = pd.DataFrame([_row(name, result, split) for name, result in everything.items()])
    # A missing count would turn the others into floats.
    for column in (_FOUND, "Parameters"):
        rows[column] = rows[column].astype("Int64")
    if baseline is None:
        return rows
    rows.insert(0, _STAR, ["★" if name == baseline else "" for name in everything])
    bases = {name: Basis.of(result.scores.get(split, {}), split) for name, result in everything.items()}
    comparable = [name == baseline or not obstacles(bases[baseline], bases[name]) for name in everything]
    own = rows.loc[rows["Name"] == baseline, SCORE_COLUMNS].iloc[0]
    rows[SCORE_COLUMNS] = (rows[SCORE_COLUMNS] - own).where(pd.Series(comparable), float("nan"))
    return rows


def _to_save(shown: pd.DataFrame, everything: dict[str, Result], split: Split, baseline: str | None) -> pd.DataFrame:
    """Return the table with every result's own scores; differences from a baseline have columns that name it."""
    saved = shown.copy()
    if baseline is None:
        return saved
    own = pd.DataFrame([scores(everything[name], split) for name in saved["Name"]], index=saved.index)
    for column in [column for column in SCORE_COLUMNS if column in saved]:
        saved.insert(list(saved).index(column) + 1, f"{column} minus {baseline}", saved[column])
        saved[column] = own[column]
    return saved


def _row(name: str, result: Result, split: Split) -> dict[str, Any]:
    config = result.config
    settings = {
        column: getattr(config, field) if field in _NUMBERS else glossary.setting(field, getattr(config, field))
        for field, column in (_SETTINGS | {field: glossary.label(field) for field in config.model_dump()}).items()
        if field not in ("epochs", "group")
    }
    return {
        "Name": name,
        "State": "shipped" if result.source == "shipped" else result.state,
        "Group": config.group or None,
        "Tags": ", ".join(result.notes.tags) or None,
        **scores(result, split),
        _FOUND: result.scores.get(split, {}).get("classes_above_zero"),
        "Speed": result.speed.get("frames_per_second"),
        "Trained on": result.data,
        "Measured on": result.measured_on if result.scores else None,
        "Parameters": result.parameters,
        "Epochs": f"{result.epochs_done} / {config.epochs}",
        "Loss": _loss(config),
        "Training time": duration(result.seconds) if result.seconds else None,
        "Folder": "checkpoints/" if result.source == "shipped" else "runs/",
        **settings,
        "Note": result.notes.note or None,
    }


def scores(result: Result, split: Split) -> dict[str, float]:
    """Return the scores of a result by column; NaN if not measured."""
    summary = result.scores.get(split, {})
    values = {
        column: (summary.get(group, {}) if group else summary).get(key) for column, (group, key, _) in _SCORES.items()
    }
    return {column: float("nan") if value is None else value for column, value in values.items()}


def _loss(config: ExperimentConfig) -> str:
    text = "cross-entropy" if config.class_weights == "none" else f"cross-entropy, {config.class_weights} weights"
    return f"{text} + {config.dice_weight:g} × Dice" if config.dice_weight else text


def _differences(part: pd.DataFrame, baseline: Result, split: Split, name: str) -> Any:
    """Style the scores as differences; the baseline's row shows its own scores, but sorts as no difference."""
    shown = [column for column in SCORE_COLUMNS if column in part]
    styled = tables.differences(part, shown)
    row = part.index[part["Name"] == name]
    if len(row):
        own = scores(baseline, split)
        for column in shown:
            styled = styled.format(glossary.score(own[column]), subset=(row, [column]))
    return styled


def _column_config(split: Split, *, signed: bool) -> dict[str, Any]:
    number, text, progress = tables.number, tables.text, st.column_config.ProgressColumn
    make = number if signed else partial(progress, format="%.3f", min_value=0, max_value=1)
    shown = {name: make(name, help=f"On {split}. {meaning}", width=124) for name, (_, _, meaning) in _SCORES.items()}
    texts = {
        "State": "Shipped models come with the studio; the others are your runs.",
        "Group": glossary.meaning("group"),
        "Epochs": "Finished passes over the training split, and how many were planned.",
        "Training time": "Without decoding the data, which is done once per size.",
    }
    speed = (
        "One photo at a time at the frame size, from pixels to classes, on the device that scored the model; only "
        "speeds of one device are comparable."
    )
    for field, name in _SETTINGS.items():
        shown[name] = (partial(number, format="%g") if field in _NUMBERS else text)(help=glossary.meaning(field))
    return {
        _STAR: text("", width=30, pinned=True, help="The baseline."),
        "Name": text(pinned=True, width="medium"),
        **shown,
        _FOUND: number(format="%d", help=f"On {split}. {glossary.CLASSES_FOUND}"),
        "Speed": number("Speed, frames/s", format="%.1f", help=speed),
        "Parameters": number(format="localized", help="Trainable parameters of the network."),
        **{name: text(help=meaning) for name, meaning in texts.items()},
    }
