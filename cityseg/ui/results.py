"""The table of all results, runs and shipped models alike, and the selection of rows in it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from cityseg.api import Result
from cityseg.config import ExperimentConfig
from cityseg.data.layout import Split
from cityseg.ui import glossary, state
from cityseg.ui.work import duration

_SELECTED, _PARAMETER = "compared", "runs"
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


def named(everything: list[Result]) -> dict[str, Result]:
    """Return results by a name that is theirs alone: a run may have the name of a shipped model."""
    runs = {result.id for result in everything if result.source == "run"}
    return {
        f"{result.id} (shipped)" if result.source == "shipped" and result.id in runs else result.id: result
        for result in everything
    }


def table(everything: dict[str, Result], split: Split) -> dict[str, Result]:
    """Show all results and return those whose rows are ticked, in the table's order."""
    names = list(everything)
    chosen = _chosen(everything, split)
    event: Any = st.dataframe(
        frame(everything, split),
        # Rows are selected by position: where runs come or go, the table is a new one with the old selection.
        key=f"results_{hash(tuple(names))}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [names.index(name) for name in chosen], "columns": [], "cells": []}},
        hide_index=True,
        height=min(38 + 35 * len(names), 320),
        column_config=_columns(split),
        placeholder=glossary.ABSENT,
        alt=f"All results with their settings and their scores on {split}",
    )
    selected = [names[row] for row in sorted(event["selection"]["rows"]) if row < len(names)]
    st.session_state[_SELECTED] = selected
    state.remember(_PARAMETER, ",".join(selected) or None)
    st.download_button(
        "Download as CSV",
        frame(everything, split).to_csv(index=False),
        file_name=f"cityseg-results-{split}.csv",
        mime="text/csv",
        icon=":material/download:",
        key="download_results",
    )
    return {name: everything[name] for name in selected}


def _chosen(everything: dict[str, Result], split: Split) -> list[str]:
    """Return what was selected before, or is named by the address, or is worth looking at first."""
    if _SELECTED not in st.session_state:
        named_there = [name for name in st.query_params.get(_PARAMETER, "").split(",") if name in everything]
        st.session_state[_SELECTED] = named_there or first_choice(everything, split)
    return [name for name in st.session_state[_SELECTED] if name in everything]


def first_choice(everything: dict[str, Result], split: Split) -> list[str]:
    """Return the shipped models that have a score; where there are not two of them, the best of all results."""
    scores = {name: score for name, result in everything.items() if (score := result.score(split, "f1")) is not None}
    shipped = [name for name in scores if everything[name].source == "shipped"]
    if len(shipped) > 1:
        return shipped[:_FEW]
    return sorted(scores, key=lambda name: -scores[name])[:_FEW]


def frame(everything: dict[str, Result], split: Split) -> pd.DataFrame:
    """Return one row per result: name, state, scores on ``split``, then what it is and how it was trained."""
    return pd.DataFrame([_row(name, result, result.scores.get(split, {})) for name, result in everything.items()])


def _row(name: str, result: Result, summary: dict[str, Any]) -> dict[str, Any]:
    config = result.config
    scores = {
        column: (summary.get(average, {}) if average else summary).get(field) for column, average, field, _ in _SCORES
    }
    return {
        "Name": name,
        "State": "shipped" if result.source == "shipped" else result.state,
        **{column: float("nan") if value is None else value for column, value in scores.items()},
        "Data": result.data,
        "Frame size": glossary.size(config.image_size),
        "Parameters": result.parameters,
        "Epochs": f"{result.epochs_done} / {config.epochs}",
        "Batch size": config.batch_size,
        "Learning rate": config.learning_rate,
        "Optimiser": config.optimizer,
        "Schedule": config.schedule,
        "Loss": _loss(config),
        "Number type": config.precision,
        "Training time": duration(result.seconds) if result.seconds else None,
        "Where": "checkpoints/" if result.source == "shipped" else "runs/",
    }


def _loss(config: ExperimentConfig) -> str:
    words = "cross-entropy" if config.class_weights == "none" else f"cross-entropy, {config.class_weights} weights"
    return f"{words} + {config.dice_weight:g} × Dice" if config.dice_weight else words


def _columns(split: Split) -> dict[str, Any]:
    column = st.column_config
    return {
        "Name": column.TextColumn(pinned=True, width="medium"),
        "State": column.TextColumn(help="Shipped models come with the studio; the others are your runs."),
        **{
            name: column.ProgressColumn(
                name, help=f"On {split}. {meaning}", format="%.3f", min_value=0.0, max_value=1.0, width=124
            )
            for name, _, _, meaning in _SCORES
        },
        "Frame size": column.TextColumn(help=glossary.meaning("image_size")),
        "Parameters": column.NumberColumn(format="localized", help="Trained numbers of the network."),
        "Epochs": column.TextColumn(help="Finished passes over the training split, and how many were planned."),
        "Batch size": column.NumberColumn(help=glossary.meaning("batch_size")),
        "Learning rate": column.NumberColumn(format="%g", help=glossary.meaning("learning_rate")),
        "Optimiser": column.TextColumn(help=glossary.meaning("optimizer")),
        "Schedule": column.TextColumn(help=glossary.meaning("schedule")),
        "Number type": column.TextColumn(help=glossary.meaning("precision")),
        "Training time": column.TextColumn(help="Without decoding the data, which is done once per size."),
    }
