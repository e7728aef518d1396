"""The class-by-result matrix of one score as a heat map: the scores, or their differences from a baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.comparison.comparability import ClassTable, Differences, Metric
from cityseg.analysis.comparison.published import NOTE, Published
from cityseg.analysis.tables import ABSENT, signed
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme

_EMPTY = {False: "#f2f5f9", True: "#1a212c"}
"""Cells without score or difference, on a light and on a dark page."""
_EVERY_CLASS = tuple(range(len(CLASS_NAMES)))


def class_heatmap(
    table: ClassTable,
    palette: np.ndarray = PALETTE,
    *,
    dark: bool = False,
    order: Sequence[int] = _EVERY_CLASS,
    beside: Sequence[Published] = (),
) -> go.Figure:
    """Draw the matrix of one metric, the macro mean in its last row.

    Args:
        table: the scores.
        palette: (256, 3) uint8, for the squares beside the classes' names.
        dark: whether the page around it is dark.
        order: train ids from top to bottom.
        beside: published tables, in columns of their own without colour.
    """
    values = np.vstack([table.scores[list(order)], table.macro])
    text = [[_score(value) for value in row] for row in values]
    scale = [_EMPTY[dark], "#10575e", "#178f89"] if dark else [_EMPTY[dark], "#8cc7c4", "#0b5b63"]
    return _drawn(table.names, values, text, scale, (0.0, 1.0), palette, dark, order, table.metric, beside)


def difference_heatmap(
    table: ClassTable,
    differences: Differences,
    palette: np.ndarray = PALETTE,
    *,
    dark: bool = False,
    order: Sequence[int] = _EVERY_CLASS,
    beside: Sequence[Published] = (),
) -> go.Figure:
    """Draw scores minus the baseline's: blue where better, orange where worse, always signed.

    The baseline's own column shows its scores, without colour; a column that must not be subtracted says so.

    Args:
        table: the scores.
        differences: the same results minus the baseline.
        palette: (256, 3) uint8.
        dark: whether the page around it is dark.
        order: train ids from top to bottom.
        beside: published tables, in columns of their own, never subtracted.
    """
    scores = np.vstack([table.scores[list(order)], table.macro])
    values = np.vstack([differences.scores[list(order)], differences.macro])
    text = [[ABSENT if np.isnan(value) else signed(value) for value in row] for row in values]
    for column, name in enumerate(table.names):
        for row in range(len(text)):
            if name in differences.withheld:
                text[row][column] = "withheld" if row == 0 else ""
            elif name == differences.baseline:
                text[row][column] = _score(scores[row, column])
    names = [f"★ {name}" if name == differences.baseline else name for name in table.names]
    values[:, table.names.index(differences.baseline)] = np.nan
    reach = max(0.05, float(np.nanmax(np.abs(values)))) if np.isfinite(values).any() else 0.05
    scale = [theme.WORSE, _EMPTY[dark], theme.BETTER]
    return _drawn(names, values, text, scale, (-reach, reach), palette, dark, order, table.metric, beside)


def _drawn(
    names: Sequence[str],
    values: np.ndarray,
    text: list[list[str]],
    scale: list[str],
    limits: tuple[float, float],
    palette: np.ndarray,
    dark: bool,
    order: Sequence[int],
    metric: Metric,
    beside: Sequence[Published],
) -> go.Figure:
    """Draw a matrix whose last row is the macro mean, set off by a gap, as are the published columns."""
    rows = [*range(len(order)), len(order) + 0.35]
    places = [*range(len(names)), *(len(names) + 0.25 + place for place in range(len(beside)))]
    found = [[one.score(CLASS_NAMES[index], metric) for one in beside] for index in order]
    found.append([one.mean(metric) for one in beside])
    text = [
        [*line, *(ABSENT if value is None else f"{value:.3f}" for value in more)]
        for line, more in zip(text, found, strict=True)
    ]
    values = np.hstack([values, np.full((len(rows), len(beside)), np.nan)])
    heads = [*names, *(f"{one.name},<br>{NOTE.replace(', ', ',<br>')}" for one in beside)]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=places,
            y=rows,
            text=text,
            texttemplate="%{text}",
            # Plotly picks dark letters for cells without a value, which a dark page swallows.
            textfont={"size": 13, **({"color": "#e4e9f1"} if dark else {})},
            customdata=[
                [f"{row}, {head.replace('<br>', ' ')}" for head in heads]
                for row in (*(CLASS_NAMES[index] for index in order), "macro mean")
            ],
            hovertemplate="%{customdata}: %{text}<extra></extra>",
            colorscale=scale,
            zmin=limits[0],
            zmax=limits[1],
            xgap=3,
            ygap=2,
            showscale=False,
        )
    )
    labels = [
        f'{CLASS_NAMES[index]} <span style="color:{theme.class_color(index, palette=palette)};font-size:18px">■</span>'
        for index in order
    ]
    height = 28 * len(rows) + (70 if not beside else 110)
    figure.update_layout(theme.base_layout(height=height, margin={"t": 10}, showlegend=False))
    figure.update_yaxes(
        tickvals=rows,
        ticktext=[*labels, "<b>macro mean</b>"],
        autorange="reversed",
        ticks="",
        showgrid=False,
        fixedrange=True,
    )
    return figure.update_xaxes(tickvals=places, ticktext=heads, side="top", ticks="", showgrid=False, fixedrange=True)


def _score(value: float) -> str:
    return ABSENT if np.isnan(value) else f"{value:.3f}"
