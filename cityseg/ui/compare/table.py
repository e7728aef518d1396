"""The table of all results, runs and shipped models alike, and the selection of rows in it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from cityseg.analysis.comparison.comparability import Basis, obstacles
from cityseg.api import Result
from cityseg.api.types import Split
from cityseg.config import ExperimentConfig
from cityseg.ui.app import glossary, session
from cityseg.ui.app.background import duration
from cityseg.ui.common import diff_style as styling
from cityseg.ui.common import export
from cityseg.ui.compare import table_filters

_SELECTED, _PARAMETER = "compared", "runs"
_WRITTEN, _FOLLOWED = "compared in the address", "links followed to compared"
_FEW = 6
"""So many results are selected on arrival at most."""

_SCORES: tuple[tuple[str, str, str, str], ...] = (
    ("Macro F1", "macro", "f1", glossary.SCORES["f1"][1]),
    ("Mean IoU", "macro", "iou", glossary.SCORES["iou"][1]),
    ("Macro precision", "macro", "precision", glossary.SCORES["precision"][1]),
    ("Macro recall", "macro", "recall", glossary.SCORES["recall"][1]),
    ("Weighted F1", "weighted", "f1", glossary.WEIGHTED_F1),
    ("Samples Dice", "", "samples_dice", glossary.SAMPLES_DICE),
    ("Pixel accuracy", "", "pixel_accuracy", glossary.PIXEL_ACCURACY),
)
"""Column, and where its figure stands in a summary, and what it means."""
SCORE_COLUMNS = tuple(column for column, *_ in _SCORES)
_STAR = "Baseline"
DEFAULT_COLUMNS = (
    *(_STAR, "Name", "State", "Group", *SCORE_COLUMNS, "Speed", "Data", "Frame size", "Parameters", "Epochs"),
    *("Batch size", "Learning rate", "Optimiser", "Schedule", "Loss", "Precision", "Training time", "Where"),
)
"""Columns on arrival; every other setting of a recipe can be chosen too."""


def named(everything: list[Result]) -> dict[str, Result]:
    """Return results by a name that is theirs alone: a run may have the name of a shipped model."""
    runs = {result.id for result in everything if result.source == "run"}
    return {
        f"{result.id} (shipped)" if result.source == "shipped" and result.id in runs else result.id: result
        for result in everything
    }


def table(everything: dict[str, Result], split: Split, baseline: str | None) -> dict[str, Result]:
    """Show the results that the filters let through; return those whose rows are ticked, in the table's order.

    Args:
        everything: results by name.
        split: whose scores are shown.
        baseline: whose scores the others' are subtracted from; it is always one of those returned.
    """
    columns_place = st.container(horizontal=True, gap="small", vertical_alignment="bottom")
    with columns_place:
        shown = table_filters.narrowed(everything)
        whole = frame(everything, split, baseline)
        columns = table_filters.columns(list(whole.columns), DEFAULT_COLUMNS)
    names = list(shown)
    chosen = _chosen(everything, split)
    part = whole.loc[whole["Name"].isin(names), columns]
    event: Any = st.dataframe(
        _styled(part, everything, split, baseline),
        # Rows are selected by position: where runs come or go, the table is a new one with the old selection.
        key=f"results_{hash(tuple(names))}_{st.session_state.get(_FOLLOWED, 0)}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [names.index(name) for name in chosen if name in shown], "columns": [], "cells": []}
        },
        hide_index=True,
        height=min(38 + 35 * max(1, len(names)), 320),
        column_config=_columns(split, signed=baseline is not None),
        placeholder=glossary.ABSENT,
        alt=f"All results with their settings and their scores on {split}",
    )
    ticked = {names[row] for row in event["selection"]["rows"] if row < len(names)}
    # What the filters hide stays selected.
    selected = [name for name in everything if name in ticked or (name in chosen and name not in shown)]
    st.session_state[_SELECTED] = selected
    session.remember(_PARAMETER, ",".join(selected) or None)
    st.session_state[_WRITTEN] = ",".join(selected)
    _caption(everything, shown, selected, baseline, split)
    export.table(part, f"cityseg-results-{split}", "results", SCORE_COLUMNS if baseline else ())
    return {name: everything[name] for name in everything if name in selected or name == baseline}


def _caption(
    everything: dict[str, Result], shown: dict[str, Result], selected: list[str], baseline: str | None, split: Split
) -> None:
    words = "Tick rows to compare them; a column's head sorts. An empty score: not measured on this split yet."
    if baseline is not None:
        words = (
            f"Scores are differences from ★ {baseline}, whose row holds its own: blue and + better, orange and − "
            "worse. An empty one: not measured on this split, or measured differently and not to be subtracted."
        )
    hidden = [name for name in selected if name not in shown]
    if hidden:
        words += f" Selected, but not among the rows shown: {', '.join(hidden)}."
    st.caption(words)


def _chosen(everything: dict[str, Result], split: Split) -> list[str]:
    """Return what a link asks for, or what was selected before, or what is worth looking at first."""
    asked = st.query_params.get(_PARAMETER, "")
    # What this page itself wrote into the address is no news; anything else there is a link that was followed.
    if asked != st.session_state.get(_WRITTEN, "") and (found := [n for n in asked.split(",") if n in everything]):
        st.session_state[_SELECTED] = found
        st.session_state[_FOLLOWED] = st.session_state.get(_FOLLOWED, 0) + 1
    elif _SELECTED not in st.session_state:
        st.session_state[_SELECTED] = first_choice(everything, split)
    return [name for name in st.session_state[_SELECTED] if name in everything]


def first_choice(everything: dict[str, Result], split: Split) -> list[str]:
    """Return the shipped models that have a score; where there are not two of them, the best of all results."""
    scores = {name: score for name, result in everything.items() if (score := result.score(split, "f1")) is not None}
    shipped = [name for name in scores if everything[name].source == "shipped"]
    if len(shipped) > 1:
        return shipped[:_FEW]
    return sorted(scores, key=lambda name: -scores[name])[:_FEW]


def frame(everything: dict[str, Result], split: Split, baseline: str | None = None) -> pd.DataFrame:
    """Return one row per result: name, state, scores on ``split``, then what it is and how it was trained.

    With a baseline the scores are differences from it, NaN where the two may not be subtracted; its own are 0.
    """
    rows = pd.DataFrame([_row(name, result, result.scores.get(split, {})) for name, result in everything.items()])
    if rows["Group"].isna().all():
        rows = rows.drop(columns="Group")
    if baseline is None:
        return rows
    rows.insert(0, _STAR, ["★" if name == baseline else "" for name in everything])
    bases = {name: Basis.of(result.scores.get(split, {}), split) for name, result in everything.items()}
    alike = [name == baseline or not obstacles(bases[baseline], bases[name]) for name in everything]
    own = rows.loc[rows["Name"] == baseline, list(SCORE_COLUMNS)].iloc[0]
    rows[list(SCORE_COLUMNS)] = (rows[list(SCORE_COLUMNS)] - own).where(pd.Series(alike), float("nan"))
    return rows


def _styled(part: pd.DataFrame, everything: dict[str, Result], split: Split, baseline: str | None) -> Any:
    """Give differences sign and colour; the baseline's row shows its own scores, which sort as no difference."""
    if baseline is None:
        return part
    shown = [column for column in SCORE_COLUMNS if column in part]
    rows = part.index[part["Name"] == baseline]
    styled = styling.differences(part, shown)
    if not shown or rows.empty:
        return styled
    own = _scores(everything[baseline].scores.get(split, {}))
    for column in shown:
        value = own[column]
        styled = styled.format(lambda _, value=value: glossary.score(value), subset=(rows, [column]))
    return styled


def _scores(summary: dict[str, Any]) -> dict[str, float | None]:
    return {
        column: (summary.get(average, {}) if average else summary).get(field) for column, average, field, _ in _SCORES
    }


def _row(name: str, result: Result, summary: dict[str, Any]) -> dict[str, Any]:
    config = result.config
    settings = {
        label: glossary.setting(field, value)
        for field, value in config.model_dump().items()
        if (label := glossary.label(field)) not in DEFAULT_COLUMNS
    }
    return {
        "Name": name,
        "State": "shipped" if result.source == "shipped" else result.state,
        "Group": config.group or None,
        **{column: float("nan") if value is None else value for column, value in _scores(summary).items()},
        "Speed": result.speed.get("frames_per_second"),
        "Data": result.data,
        "Frame size": glossary.size(config.image_size),
        "Parameters": result.parameters,
        "Epochs": f"{result.epochs_done} / {config.epochs}",
        "Batch size": config.batch_size,
        "Learning rate": config.learning_rate,
        "Optimiser": config.optimizer,
        "Schedule": config.schedule,
        "Loss": _loss(config),
        "Precision": config.precision,
        "Training time": duration(result.seconds) if result.seconds else None,
        "Where": "checkpoints/" if result.source == "shipped" else "runs/",
        **settings,
    }


def _loss(config: ExperimentConfig) -> str:
    words = "cross-entropy" if config.class_weights == "none" else f"cross-entropy, {config.class_weights} weights"
    return f"{words} + {config.dice_weight:g} × Dice" if config.dice_weight else words


def _columns(split: Split, *, signed: bool) -> dict[str, Any]:
    column = st.column_config

    def score(name: str, meaning: str) -> Any:
        words = f"On {split}. {meaning}"
        if signed:
            return column.NumberColumn(name, help=words, width=124)
        return column.ProgressColumn(name, help=words, format="%.3f", min_value=0.0, max_value=1.0, width=124)

    return {
        _STAR: column.TextColumn("", width=30, pinned=True, help="The baseline."),
        "Name": column.TextColumn(pinned=True, width="medium"),
        "State": column.TextColumn(help="Shipped models come with the studio; the others are your runs."),
        "Group": column.TextColumn(help=glossary.meaning("group")),
        **{name: score(name, meaning) for name, _, _, meaning in _SCORES},
        "Speed": column.NumberColumn(
            "Speed, frames/s",
            format="%.1f",
            help="One photo at a time at the frame size, from pixels to classes, on the device that scored the model; "
            "only speeds of one device can be compared.",
        ),
        "Frame size": column.TextColumn(help=glossary.meaning("image_size")),
        "Parameters": column.NumberColumn(format="localized", help="Trained numbers of the network."),
        "Epochs": column.TextColumn(help="Finished passes over the training split, and how many were planned."),
        "Batch size": column.NumberColumn(help=glossary.meaning("batch_size")),
        "Learning rate": column.NumberColumn(format="%g", help=glossary.meaning("learning_rate")),
        "Optimiser": column.TextColumn(help=glossary.meaning("optimizer")),
        "Schedule": column.TextColumn(help=glossary.meaning("schedule")),
        "Precision": column.TextColumn(help=glossary.meaning("precision")),
        "Training time": column.TextColumn(help="Without decoding the data, which is done once per size."),
    }
