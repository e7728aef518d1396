"""The Settings tab: the settings that differ between the selected results, and how they go with the scores."""

from __future__ import annotations

from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from cityseg.analysis import parallel_coordinates
from cityseg.analysis.comparison.comparability import differing_settings, group_comparable
from cityseg.config import SETTINGS
from cityseg.figures import theme
from cityseg.figures.parallel_coordinates import parallel_axes
from cityseg.markdown import escape
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export, tables
from cityseg.ui.common.layout import scrolling_sideways
from cityseg.ui.common.url_choice import choose_options
from cityseg.ui.compare import table
from cityseg.ui.compare.context import CompareContext

_DEFAULT_AXES = 6
"""Settings with an axis by default at most: the first that differ, only basic ones if there are any."""
_PIXELS = 620
"""Least width at which the values at the axes do not overlap."""
_SCORES = ("Macro F1", "Mean IoU", "Pixel accuracy")


def show(context: CompareContext) -> None:
    """Show the settings that differ; for a single result, all its settings."""
    rows = {name: {**result.config.model_dump(), "data": result.data} for name, result in context.selected.items()}
    several, first = len(rows) > 1, next(iter(rows.values()))
    differing = differing_settings(rows) if several else {field: (value,) for field, value in first.items()}
    if not differing:
        st.info("The selected results were trained with the same settings.", icon=":material/equal:")
        return
    frame = pd.DataFrame(
        [
            [
                _title(field),
                *(glossary.setting(field, value) for value in values),
                "The training data." if field == "data" else glossary.meaning(field),
            ]
            for field, values in differing.items()
        ],
        columns=["Setting", *rows, "What it means"],
    )
    meaning = {"What it means": tables.text(width="large")}
    tables.show(frame, "settings", meaning, alt=f"Settings of {', '.join(rows)}", height="auto")
    export.table(frame.drop(columns="What it means"), "cityseg-settings", "settings")
    if several:
        st.caption(f"The other {len(first) - len(differing)} settings are the same for all of them.")
        _parallel_coordinates(context, differing)


def _parallel_coordinates(context: CompareContext, differing: dict[str, tuple[Any, ...]]) -> None:
    """Draw each result as a line through its settings to its scores."""
    how_to_read = (
        "Each line crosses the axes at a result's settings and, at the bottom, its scores, the best at the right. "
        "Settings on which the lines with good scores agree need not be the cause."
    )
    st.header("Settings and scores", anchor=False, help=how_to_read)
    fields = {_title(field): field for field in differing}
    basic = [title for title, field in fields.items() if field in SETTINGS and not SETTINGS[field].advanced]
    default = (basic or list(fields))[:_DEFAULT_AXES]
    meaning = "Settings that differ among the selected results. Scores are always shown."
    chosen = choose_options("Axes", list(fields), "compare_axes", "axes", default, help=meaning)
    axes = []
    for title in chosen:
        field, values = fields[title], differing[fields[title]]
        # A size counts its pixels, so that larger frames lie further right.
        numbers = [value[0] * value[1] if field == "image_size" else value for value in values]
        axes.append(parallel_coordinates.axis(title, numbers, [glossary.setting(field, value) for value in values]))
    names = list(context.selected)
    for title in _SCORES:
        measured = [table.scores(result, context.split)[title] for result in context.selected.values()]
        scores = [None if isnan(score) else score for score in measured]
        axes.append(parallel_coordinates.axis(title, scores, [glossary.score(score) for score in scores]))
    apart = [name for group in group_comparable(context.bases)[1:] for name in group]
    drawn, colors = [one for one in axes if one.ticks], [theme.run_color(name) for name in names]
    with scrolling_sideways("parallel", _PIXELS):
        export.chart(
            parallel_axes(drawn, names, colors, apart, dark=session.is_dark()),
            "parallel",
            "cityseg-settings-and-scores",
            alt=f"Settings and scores of {', '.join(names)} as lines over parallel axes",
        )
    if apart:
        st.caption(f"Dashed: measured differently, so its scores are not comparable ({escape(', '.join(apart))}).")


def _title(field: str) -> str:
    return "Data" if field == "data" else glossary.label(field)
