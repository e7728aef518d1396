"""Scores class by class: the class-by-result matrix, bars, the table, and differences from a baseline."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image, ImageDraw

from cityseg.analysis.compare import Basis, ClassTable, Differences, class_table, differences, group_comparable
from cityseg.analysis.tables import signed
from cityseg.figures import runs as figures
from cityseg.figures import theme
from cityseg.labels import CLASS_NAMES
from cityseg.ui import export, glossary, state
from cityseg.ui.comparison import Comparison

_METRIC, _METRIC_PARAMETER = "compare_metric", "metric"
_BARS = 6
"""More results than this make bars too thin to read."""


def show(comparison: Comparison) -> None:
    """Show one score of every selected result for every class."""
    if not comparison.summaries:
        st.info("None of the selected results has been scored on this split yet.", icon=":material/hourglass_empty:")
        return
    table = class_table(comparison.summaries, _metric())
    compared = differences(table, comparison.bases, comparison.baseline) if comparison.baseline else None
    _caution(comparison.bases, compared)
    _matrix(table, compared)
    if len(table.names) <= _BARS:
        _bars(table)
    _table(table, compared)


def _metric() -> Any:
    metrics = list(glossary.SCORES)
    if _METRIC not in st.session_state:
        st.session_state[_METRIC] = state.remembered(_METRIC_PARAMETER, metrics) or "f1"
    metric = st.segmented_control(
        "Score",
        metrics,
        key=_METRIC,
        required=True,
        format_func=lambda key: glossary.SCORES[key][0],
        help="\n\n".join(f"**{name}**: {meaning}" for name, meaning in glossary.SCORES.values()),
    )
    state.remember(_METRIC_PARAMETER, metric)
    return metric


def _caution(bases: Mapping[str, Basis], compared: Differences | None) -> None:
    """Say what must not be compared, and why."""
    if compared is None:
        if len(group_comparable(bases)) > 1:
            st.caption(
                ":orange[:material/balance:] Not all of these columns may be compared with each other: "
                "choose a baseline to see which, and why not."
            )
        return
    if compared.withheld:
        reasons = "\n".join(f"- **{name}**: {', '.join(found)}" for name, found in compared.withheld.items())
        st.warning(
            f"Not subtracted from **{compared.baseline}**, because they were measured differently:\n{reasons}",
            icon=":material/balance:",
        )


def _matrix(table: ClassTable, compared: Differences | None) -> None:
    dark = st.context.theme.type == "dark"
    name = glossary.SCORES[table.metric][0]
    if compared is None:
        figure = figures.class_heatmap(table, state.palette(), dark=dark)
        reading = "Each row is a class, each column a result; stronger colour is a higher score."
    else:
        figure = figures.difference_heatmap(table, compared, state.palette(), dark=dark)
        reading = (
            f"The starred column holds {compared.baseline}'s own scores, the others their difference from it: "
            "blue and + better, orange and − worse."
        )
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


def _table(table: ClassTable, compared: Differences | None) -> None:
    first = compared.baseline if compared else table.names[0]
    support = table.support[:, table.names.index(first)]
    values: dict[str, Any] = {
        "Colour": [*_swatches(state.palette()), None],
        "Class": [*CLASS_NAMES, "macro mean"],
        "Support": [*(support * 100), np.nan],
    }
    for column, name in enumerate(table.names):
        values[name] = [*table.scores[:, column], table.macro[column]]
    changes = []
    for column, name in enumerate(table.names):
        if compared and name != compared.baseline and name not in compared.withheld:
            changes.append(f"{name} − {compared.baseline}")
            values[changes[-1]] = [*compared.scores[:, column], compared.macro[column]]
    frame = pd.DataFrame(values)
    number = st.column_config.NumberColumn
    st.dataframe(
        _styled(frame, changes) if changes else frame,
        hide_index=True,
        height=38 + 35 * len(frame),
        key="class_table",
        placeholder=glossary.ABSENT,
        column_config={
            "Colour": st.column_config.ImageColumn("", width=40, pinned=True),
            "Class": st.column_config.TextColumn(pinned=True),
            "Support": number(format="%.2f %%", help=f"{glossary.SUPPORT} Of {first}'s frames."),
            **{name: number(format="%.3f") for name in table.names},
        },
    )
    export.table(frame.drop(columns="Colour"), f"cityseg-{table.metric}-per-class", "class_table", changes)


def _styled(frame: pd.DataFrame, changes: list[str]) -> Any:
    """Give differences their sign and colour, and keep them numbers, so that the table still sorts."""
    columns = pd.Index(changes)
    return frame.style.map(_tint, subset=columns).format(_sign, subset=columns)


def _sign(value: Any) -> str:
    return glossary.ABSENT if np.isnan(value) else signed(value)


def _tint(value: Any) -> str:
    if np.isnan(value) or round(value, 3) == 0:
        return ""
    return f"color: {theme.difference_color(value)}"


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
