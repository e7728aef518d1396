"""Scores class by class: the class-by-result matrix, bars, the table, and differences from a baseline."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image, ImageDraw

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
from cityseg.ui.app import glossary, session, url_state
from cityseg.ui.common import diff_style, export
from cityseg.ui.compare import pairing
from cityseg.ui.compare.context import Comparison

_ORDER, _ORDER_PARAMETER = "compare_order", "order"
_CLASS_PIXELS, _COLUMN_PIXELS = 100, 62
_BARS = 6
"""More results than this make bars too thin to read."""


def show(comparison: Comparison) -> None:
    """Show one score of every selected result for every class."""
    if not comparison.summaries:
        st.info("None of the selected results has been scored on this split yet.", icon=":material/hourglass_empty:")
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        table = class_table(comparison.summaries, pairing.choose_metric())
        compared = differences(table, comparison.bases, comparison.baseline) if comparison.baseline else None
        order = _order(table, compared)
        beside = _published(table)
    if compared is None and len(group_comparable(comparison.bases)) > 1:
        st.caption(
            ":orange[:material/balance:] Not all of these columns may be compared with each other: "
            "choose a baseline to see which, and why not."
        )
    _matrix(table, compared, order, beside)
    if len(table.names) <= _BARS:
        _bars(table)
    _table(table, compared, order, beside)


def _order(table: ClassTable, compared: Differences | None) -> list[int]:
    """Let the user choose the order of the classes; return train ids."""
    orders = {"official": "as in Cityscapes", "support": "most frequent first"}
    if compared is not None:
        orders |= {"gain": "largest gain first", "loss": "largest loss first"}
    url_state.settle(_ORDER, _ORDER_PARAMETER, list(orders), "official")
    chosen = st.selectbox(
        "Classes",
        list(orders),
        key=_ORDER,
        format_func=lambda key: orders[key],
        width=200,
        help="Gain and loss: the mean of the differences from the baseline that are shown.",
    )
    url_state.keep(_ORDER, _ORDER_PARAMETER, chosen)
    official = list(range(len(CLASS_NAMES)))
    if chosen == "support":
        return _by_support(table)
    if chosen == "official" or compared is None:
        return official
    others = [column for column, name in enumerate(table.names) if name != compared.baseline]
    change = np.nan_to_num(compared.scores[:, others]).sum(1)
    return sorted(official, key=lambda index: -change[index] if chosen == "gain" else change[index])


def _published(table: ClassTable) -> tuple[Published, ...]:
    """Let the user put the first study's figures beside the results."""
    wanted = st.toggle(
        "Published figures",
        key="published",
        bind="query-params",
        help="The first study's own three tables, measured by it on its full data: to look at, not to subtract.",
    )
    if wanted and table.metric == "iou":
        st.caption("The first study published no IoU.")
    return TABLES if wanted and table.metric != "iou" else ()


def _matrix(table: ClassTable, compared: Differences | None, order: list[int], beside: tuple[Published, ...]) -> None:
    dark = st.context.theme.type == "dark"
    name = glossary.SCORES[table.metric][0]
    if compared is None:
        figure = score_matrix.class_heatmap(table, session.palette(), dark=dark, order=order, beside=beside)
        reading = "Each row is a class, each column a result; stronger colour is a higher score."
    else:
        figure = score_matrix.difference_heatmap(
            table, compared, session.palette(), dark=dark, order=order, beside=beside
        )
        reading = (
            f"The starred column holds {compared.baseline}'s own scores, the others their difference from it: "
            "blue and + better, orange and − worse."
        )
    if beside:
        reading += f" Columns without colour: {NOTE}; other frames, so never part of a difference."
    width = _CLASS_PIXELS + _COLUMN_PIXELS * (len(table.names) + len(beside))
    with st.container(key="matrix_frame"):
        # On a narrow screen the figures of many columns would lie over each other: it is moved sideways instead.
        st.html(f"<style>.st-key-matrix_frame {{overflow-x: auto}} .st-key-matrix {{min-width: {width}px}}</style>")
        st.plotly_chart(
            figure,
            key="matrix",
            config=export.chart(f"cityseg-{table.metric}-per-class"),
            alt=f"{name} per class and result: {', '.join(table.names)}",
        )
    st.caption(f"{reading} A dash: the class occurs in neither truth nor prediction, and is left out of the mean.")


def _bars(table: ClassTable) -> None:
    st.plotly_chart(
        figures.grouped_bars(table, {name: theme.run_color(name) for name in table.names}, _by_support(table)),
        key="bars",
        config=export.chart(f"cityseg-{table.metric}-bars"),
        alt=f"{glossary.SCORES[table.metric][0]} per class, one bar per result",
    )
    st.caption("The same scores as bars, the most frequent class first: networks lose the rare classes on the right.")


def _by_support(table: ClassTable) -> list[int]:
    support = np.nan_to_num(table.support[:, 0])
    return sorted(range(len(CLASS_NAMES)), key=lambda index: -support[index])


def _table(table: ClassTable, compared: Differences | None, order: list[int], beside: tuple[Published, ...]) -> None:
    first = compared.baseline if compared else table.names[0]
    support = table.support[:, table.names.index(first)]
    swatches = _swatches(session.palette())
    values: dict[str, Any] = {
        "Colour": [*(swatches[index] for index in order), None],
        "Class": [*(CLASS_NAMES[index] for index in order), "macro mean"],
        "Support": [*(support[order] * 100), np.nan],
    }
    for column, name in enumerate(table.names):
        values[name] = [*table.scores[order, column], table.macro[column]]
    changes = []
    for column, name in enumerate(table.names):
        if compared and name != compared.baseline and name not in compared.withheld:
            changes.append(f"{name} − {compared.baseline}")
            values[changes[-1]] = [*compared.scores[order, column], compared.macro[column]]
    published = [f"{one.name} ({NOTE})" for one in beside]
    for head, one in zip(published, beside, strict=True):
        values[head] = [*(one.score(CLASS_NAMES[index], table.metric) for index in order), one.mean(table.metric)]
    frame = pd.DataFrame(values)
    number = st.column_config.NumberColumn
    st.dataframe(
        diff_style.differences(frame, changes),
        hide_index=True,
        height=38 + 35 * len(frame),
        key="class_table",
        placeholder=glossary.ABSENT,
        column_config={
            "Colour": st.column_config.ImageColumn("", width=40, pinned=True),
            "Class": st.column_config.TextColumn(pinned=True),
            "Support": number(format="%.2f %%", help=f"{glossary.SUPPORT} Of {first}'s frames."),
            **{name: number(format="%.3f") for name in (*table.names, *published)},
        },
    )
    export.table(frame.drop(columns="Colour"), f"cityseg-{table.metric}-per-class", "class_table", changes)


@st.cache_data(show_spinner=False)
def _swatches(palette: np.ndarray) -> list[str]:
    """Return a small rounded square per class as a ``data:`` address."""
    addresses = []
    for index in range(len(CLASS_NAMES)):
        image = Image.new("RGBA", (48, 48))
        color = tuple(int(part) for part in palette[index])
        ImageDraw.Draw(image).rounded_rectangle((8, 8, 40, 40), radius=8, fill=color, outline=(128, 128, 128, 160))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        addresses.append("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())
    return addresses
