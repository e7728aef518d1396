"""Tables of the pages: class colours, signed differences, and the button that saves a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from cityseg.analysis.tables import signed as with_sign
from cityseg.figures import theme
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export

number = st.column_config.NumberColumn
text = st.column_config.TextColumn


def show(
    frame: pd.DataFrame,
    key: str,
    columns: Mapping[str, Any] | None = None,
    *,
    alt: str,
    train_ids: Sequence[int] = (),
    signed: Sequence[str] = (),
    file: str = "",
    height: Any = "content",
) -> None:
    """Show a table.

    Args:
        frame: the table; its index is hidden.
        key, file: see the package; without a file no button saves the table.
        columns: Streamlit's column configuration by column.
        alt: names the table for screen readers.
        train_ids: classes of the first rows, whose colours lead them.
        signed: columns of differences.
        height: as in ``st.dataframe``.
    """
    shown: Any = frame
    configs = dict(columns or {})
    if train_ids:
        shown = frame.copy()
        shown.insert(0, "color", "")
        configs["color"] = text("", width=12, pinned=True)
    if train_ids or signed:
        shown = differences(shown, signed)
    if train_ids:
        palette = session.palette()
        swatches = [f"background-color: {theme.class_color(train_id, palette=palette)}" for train_id in train_ids]
        swatches += [""] * (len(frame) - len(swatches))
        shown = shown.apply(lambda _: swatches, subset=["color"])
    st.dataframe(
        shown,
        hide_index=True,
        height=height,
        placeholder=glossary.ABSENT,
        key=key,
        column_config=configs,
        alt=alt,
    )
    if file:
        export.table(frame, file, key, signed)


def differences(frame: pd.DataFrame, columns: Sequence[str]) -> Styler:
    """Return the frame with ``columns`` signed, blue for better and orange for worse, sortable as numbers."""
    chosen = pd.Index(columns)
    return frame.style.map(_color, subset=chosen).format(_sign, subset=chosen)


def _sign(value: Any) -> str:
    if isinstance(value, int | np.integer):
        return f"{value:+,}".replace("-", "−")
    return glossary.ABSENT if np.isnan(value) else with_sign(value)


def _color(value: Any) -> str:
    if np.isnan(value) or round(value, 3) == 0:
        return ""
    return f"color: {(theme.BETTER_TEXT if value > 0 else theme.WORSE_TEXT)[session.is_dark()]}"
