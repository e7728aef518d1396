"""Heatmap of one score by class and result: the scores, or their differences from a baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.comparison.comparability import ClassTable, Differences
from cityseg.analysis.comparison.published import NOTE, Published
from cityseg.analysis.tables import ABSENT, score, signed
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures import theme
from cityseg.text import shortened

_EMPTY = {False: "#f2f5f9", True: "#1a212c"}
"""Cells without score or difference, on a light and on a dark page."""
_LONGEST_NAME = 20
"""Characters of a column's head; longer ones overlap and vanish."""
_EVERY_CLASS = tuple(range(len(CLASS_NAMES)))
_NOT_COMPARABLE = '<span style="font-size:9px">not<br>comparable</span>'


def score_heatmap(
    table: ClassTable,
    compared: Differences | None = None,
    palette: np.ndarray = PALETTE,
    *,
    dark: bool = False,
    order: Sequence[int] = _EVERY_CLASS,
    published: Sequence[Published] = (),
) -> go.Figure:
    """Draw one score by class and result, the macro mean in the last row.

    With ``compared``, cells hold signed differences from the baseline, blue for better and orange for worse; the
    baseline's own column holds its scores, without colour, and a column that is not comparable is marked.

    Args:
        table: the scores.
        compared: the same results minus a baseline; None shows the scores.
        published: published tables, in columns of their own without colour, never subtracted.
    """
    scores = np.vstack([table.scores[list(order)], table.macro])
    text = [[score(value) for value in row] for row in scores]
    names = [theme.plain(shortened(name, _LONGEST_NAME)) for name in table.names]
    if compared is None:
        values, limits = scores, (0.0, 1.0)
        scale = [_EMPTY[dark], "#10575e", "#0f746e"] if dark else [_EMPTY[dark], "#8cc7c4", "#0b5b63"]
    else:
        values = np.vstack([compared.scores[list(order)], compared.macro])
        for column, name in enumerate(table.names):
            if name == compared.baseline:
                names[column] = f"★ {names[column]}"
                values[:, column] = np.nan
                continue
            for row, line in enumerate(text):
                line[column] = ABSENT if np.isnan(values[row, column]) else signed(values[row, column])
                if name in compared.obstacles:
                    line[column] = "" if row else _NOT_COMPARABLE
        reach = max(0.05, float(np.abs(np.nan_to_num(values)).max(initial=0.0)))
        worse, better = theme.WORSE_TO_BETTER[dark]
        limits, scale = (-reach, reach), [worse, _EMPTY[dark], better]
    for row, line in enumerate(text):
        for one in published:
            value = one.score(CLASS_NAMES[order[row]], table.metric) if row < len(order) else one.mean(table.metric)
            line.append(score(value))
    values = np.hstack([values, np.full((len(text), len(published)), np.nan)])
    titles = [*names, *(f"{one.name},<br>{NOTE.replace(', ', ',<br>')}" for one in published)]
    classes = [*(CLASS_NAMES[index] for index in order), "macro mean"]
    # Gaps set off the macro mean and the published columns.
    rows = [*range(len(order)), len(order) + 0.35]
    columns = [*range(len(names)), *(len(names) + 0.25 + place for place in range(len(published)))]
    cells = theme.heatmap(
        values,
        scale,
        *limits,
        x=columns,
        y=rows,
        text=text,
        texttemplate="%{text}",
        # Plotly picks dark letters for cells without a value, which cannot be read on a dark page.
        textfont={"size": 13, **({"color": theme.INK[dark]} if dark else {})},
        customdata=[[f"{name}, {title.replace('<br>', ' ')}" for title in titles] for name in classes],
        hovertemplate="%{customdata}: %{text}<extra></extra>",
        xgap=3,
        ygap=2,
    )
    labels = [theme.class_label(index, theme.class_color(index, palette=palette), 18) for index in order]
    return theme.figure(
        [cells],
        height=28 * len(rows) + (110 if published else 70),
        margin_t=10,
        showlegend=False,
        xaxis={"tickvals": columns, "ticktext": titles, "side": "top", "ticks": "", **theme.FIXED},
        yaxis={"tickvals": rows, "ticktext": [*labels, "<b>macro mean</b>"], "ticks": "", **theme.FIXED},
        yaxis_autorange="reversed",
    )
