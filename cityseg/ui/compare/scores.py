"""The Scores tab: one score by class and result, as a heatmap, bars or a table, or as differences from the baseline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison.comparability import (
    ClassTable,
    Differences,
    class_table,
    differences,
    group_comparable,
)
from cityseg.analysis.comparison.published import NOTE, TABLES, Published
from cityseg.classes import CLASS_NAMES
from cityseg.figures import runs as figures
from cityseg.figures import score_matrix, theme
from cityseg.markdown import escape
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export, tables
from cityseg.ui.common.layout import scrolling_sideways
from cityseg.ui.common.url_choice import choose_option, switch
from cityseg.ui.compare import class_order, pairing
from cityseg.ui.compare.context import NOT_SCORED, CompareContext

_View = Literal["heatmap", "bars", "table"]
_VIEWS: dict[_View, str] = {"heatmap": "Heatmap", "bars": "Bars", "table": "Table"}
_CLASS_PIXELS, _COLUMN_PIXELS = 100, 62
_BARS = 6
"""Results up to which bars are wide enough to read."""
_BARS_PIXELS = 760
"""Least width of the bars; a narrower screen scrolls them sideways."""


_HOW_TO_READ = f"""**Heatmap**: stronger colour is a higher score. With a baseline the other columns are differences
from ★, blue and + better, orange and − worse. A dash: the class occurs in neither ground truth nor prediction, and the
mean leaves it out. Columns without colour: {NOTE}, on other frames, so never part of a difference.

**Bars**: scores, not differences. Click a name to hide its bars.

**Table**: the same figures to sort and to save, with the share of the pixels of each class."""


def show(context: CompareContext) -> None:
    """Show one score of every selected result for every class, in the chosen view."""
    if not context.summaries:
        st.info(NOT_SCORED, icon=":material/hourglass_empty:")
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        view = choose_option(
            st.segmented_control, "Show as", _VIEWS, "scores_view", "as", omit_default=True, help=_HOW_TO_READ
        )
        table = class_table(context.summaries, pairing.choose_metric())
        compared = differences(table, context.bases, context.baseline) if context.baseline else None
        order = class_order.choose_order(table, compared)
        published = _choose_published(table) if view != "bars" else ()
    if compared is None and len(group_comparable(context.bases)) > 1:
        st.caption(
            ":orange[:material/balance:] Not all of these results are comparable with each other: choose a baseline to "
            "see which, and why not."
        )
    views: dict[_View, Callable[[], None]] = {
        "heatmap": partial(_heatmap, table, compared, order, published),
        "bars": partial(_bars, table, order),
        "table": partial(_table, table, compared, order, published),
    }
    views[view]()


def _choose_published(table: ClassTable) -> tuple[Published, ...]:
    wanted = switch(
        "Published figures",
        "published",
        "published",
        help="The paper's own three tables, measured on its full data: for orientation only, not comparable.",
    )
    if wanted and table.metric == "iou":
        st.caption("The paper published no IoU.")
    return TABLES if wanted and table.metric != "iou" else ()


def _heatmap(
    table: ClassTable, compared: Differences | None, order: list[int], published: tuple[Published, ...]
) -> None:
    figure = score_matrix.score_heatmap(
        table, compared, session.palette(), dark=session.is_dark(), order=order, published=published
    )
    width = _CLASS_PIXELS + _COLUMN_PIXELS * (len(table.names) + len(published))
    alt = f"{glossary.SCORES[table.metric][0]} per class and result: {', '.join(table.names)}"
    with scrolling_sideways("matrix", width):
        export.chart(figure, "matrix", f"cityseg-{table.metric}-per-class", alt)


def _bars(table: ClassTable, order: list[int]) -> None:
    if len(table.names) > _BARS:
        st.info(
            f"Bars show up to {_BARS} results: tick fewer rows, or choose another view.", icon=":material/bar_chart:"
        )
        return
    figure = figures.grouped_bars(table, {name: theme.run_color(name) for name in table.names}, order)
    alt = f"{glossary.SCORES[table.metric][0]} per class, one bar per result"
    with scrolling_sideways("bars", _BARS_PIXELS):
        export.chart(figure, "bars", f"cityseg-{table.metric}-bars", alt)


def _table(table: ClassTable, compared: Differences | None, order: list[int], published: tuple[Published, ...]) -> None:
    first = compared.baseline if compared else table.names[0]
    values: dict[str, Any] = {
        "Class": [*(CLASS_NAMES[index] for index in order), "macro mean"],
        "Pixel share": [*(table.support[order, table.names.index(first)] * 100), np.nan],
    }
    for column, name in enumerate(table.names):
        values[name] = [*table.scores[order, column], table.macro[column]]
    changes = []
    for column, name in enumerate(table.names):
        if compared and name != compared.baseline and name not in compared.obstacles:
            changes.append(f"{name} − {compared.baseline}")
            values[changes[-1]] = [*compared.scores[order, column], compared.macro[column]]
    titles = [f"{one.name} ({NOTE})" for one in published]
    for title, one in zip(titles, published, strict=True):
        values[title] = [*(one.score(CLASS_NAMES[index], table.metric) for index in order), one.mean(table.metric)]
    columns = {name: tables.number(format="%.3f") for name in (*table.names, *titles)}
    columns["Class"] = tables.text(pinned=True)
    columns["Pixel share"] = tables.number(
        format="%.2f %%", help=f"{glossary.SUPPORT} On the frames of {escape(first)}."
    )
    file = f"cityseg-{table.metric}-per-class"
    alt = f"{glossary.SCORES[table.metric][0]} per class and result"
    tables.show(pd.DataFrame(values), "class_table", columns, alt=alt, train_ids=order, signed=changes, file=file)
