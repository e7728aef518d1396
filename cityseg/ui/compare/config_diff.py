"""How the selected results were made: only the settings in which they differ, and how these go with the scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from cityseg.analysis import parallel_coordinates
from cityseg.analysis.comparison.comparability import differing_settings, group_comparable
from cityseg.config import SETTINGS
from cityseg.figures import theme
from cityseg.figures.parallel_coordinates import parallel_axes
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export
from cityseg.ui.compare.context import Comparison

_AXES, _PARAMETER = "compare_axes", "axes"
_FEW = 6
"""Settings that have an axis on arrival: the first that differ, basic ones only if there are any."""
_SCORES = (("Macro F1", "macro", "f1"), ("Mean IoU", "macro", "iou"), ("Pixel accuracy", "", "pixel_accuracy"))


def show(comparison: Comparison) -> None:
    """Show only the settings that are not the same for all selected results."""
    selected = comparison.selected
    rows = {name: {**result.config.model_dump(), "data": result.data} for name, result in selected.items()}
    if len(selected) == 1:
        (only,) = rows.values()
        differing: dict[str, tuple[Any, ...]] = {key: (value,) for key, value in only.items()}
    else:
        differing = differing_settings(rows)
    if not differing:
        st.info("The selected results were trained with the same settings.", icon=":material/equal:")
        return
    heads = {key: "Data" if key == "data" else glossary.label(key) for key in differing}
    frame = pd.DataFrame(
        [
            [heads[key], *(glossary.setting(key, value) for value in values), _why(key)]
            for key, values in differing.items()
        ],
        columns=["Setting", *rows, "What it means"],
    )
    st.dataframe(
        frame,
        hide_index=True,
        column_config={"What it means": st.column_config.TextColumn(width="large")},
        key="settings",
    )
    if len(selected) > 1:
        alike = len(next(iter(rows.values()))) - len(differing)
        st.caption(f"Only what differs: {alike} more settings are the same for all of them.")
    export.table(frame.drop(columns="What it means"), "cityseg-settings", "settings")
    if len(selected) > 1:
        _parallel(comparison, {heads[key]: (key, values) for key, values in differing.items()})


def _parallel(comparison: Comparison, differing: dict[str, tuple[str, tuple[Any, ...]]]) -> None:
    """Draw each result as a line through its settings down to its scores."""
    st.subheader("Settings and scores", anchor=False)
    basic = [name for name, (field, _) in differing.items() if field in SETTINGS and not SETTINGS[field].advanced]
    usual = (basic or list(differing))[:_FEW]
    if _AXES not in st.session_state:
        asked = st.query_params.get(_PARAMETER, "").split(",")
        st.session_state[_AXES] = [name for name in differing if name in asked]
    st.session_state[_AXES] = [name for name in st.session_state[_AXES] if name in differing] or usual
    chosen = st.multiselect(
        "Axes",
        list(differing),
        key=_AXES,
        help="Settings that differ among the selected results. Scores are always there.",
    )
    session.remember(_PARAMETER, None if chosen == usual else ",".join(chosen) or None)
    columns: dict[str, tuple[list[Any], list[str]]] = {}
    for name in chosen:
        key, values = differing[name]
        # A size is a number of pixels, so that larger frames lie further right.
        numbers = [value[0] * value[1] if key == "image_size" else value for value in values]
        columns[name] = numbers, [glossary.setting(key, value) for value in values]
    for name, average, field in _SCORES:
        scores = [_score(comparison.summaries.get(one, {}), average, field) for one in comparison.selected]
        columns[name] = scores, [glossary.score(value) for value in scores]
    groups = group_comparable(comparison.bases)
    apart = [name for group in groups[1:] for name in group]
    names = list(comparison.selected)
    drawn = parallel_coordinates.table(
        {name: values for name, values in columns.items() if any(v is not None for v in values[0])}
    )
    st.plotly_chart(
        parallel_axes(drawn, names, [theme.run_color(name) for name in names], apart),
        key="parallel",
        config=export.chart("cityseg-settings-and-scores"),
        alt=f"Settings and scores of {', '.join(names)} as lines over parallel axes",
    )
    words = (
        "Follow a line from top to bottom: where it crosses an axis stands that result's setting, and on the last axes "
        "its scores, the best at the right end. Lines that run side by side into good scores show which settings go "
        "together with them; that is no proof that they are the cause."
    )
    if apart:
        words += f" Dashed: measured differently, so not to be compared in score with the others ({', '.join(apart)})."
    st.caption(words)


def _score(summary: Mapping[str, Any], average: str, field: str) -> float | None:
    value: float | None = (summary.get(average, {}) if average else summary).get(field)
    return value


def _why(key: str) -> str:
    return "What it was trained on." if key == "data" else glossary.meaning(key)
