"""Export: any table as CSV, Markdown or LaTeX, any chart as SVG or PNG, and a link to the current view."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd
import streamlit as st

from cityseg.analysis import tables
from cityseg.analysis.tables import Format, Table
from cityseg.ui.app import history, url_state

_FORMATS: tuple[tuple[Format, str, str, str], ...] = (
    ("csv", "CSV", "csv", "text/csv"),
    ("markdown", "Markdown", "md", "text/markdown"),
    ("latex", "LaTeX", "tex", "application/x-tex"),
)
_CHARTS, _PARAMETER = "pictures_as", "pictures"
_CHART_FORMATS = ("svg", "png")


def table(frame: pd.DataFrame, file: str, key: str, signed: Collection[str] = ()) -> None:
    """Show one small button that saves a table as CSV, Markdown or LaTeX; ``signed`` columns hold differences."""
    with st.popover("Save table", icon=":material/download:", type="tertiary", key=f"{key}_export"):
        for form, label, ending, mime in _FORMATS:
            st.download_button(
                label,
                tables.write(to_table(frame, signed), form),
                f"{file}.{ending}",
                mime,
                key=f"{key}_{form}",
                on_click="ignore",
                width="stretch",
                help="A tabular for the booktabs package." if form == "latex" else None,
            )


def to_table(frame: pd.DataFrame, signed: Collection[str] = ()) -> Table:
    """Return a data frame as a table, without its index."""
    rows = tuple(
        tuple(
            None if cell is pd.NA else cell if isinstance(cell, str | int | float | None) else str(cell) for cell in row
        )
        for row in frame.to_dict("split")["data"]
    )
    return Table(tuple(map(str, frame.columns)), rows, frozenset(signed))


def chart(figure: Any, key: str, file: str, alt: str, **settings: Any) -> None:
    """Show a plotly figure with a button to save it; ``settings`` are further arguments of ``st.plotly_chart``."""
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": _chart_format(), "filename": file, "scale": 2},
    }
    st.plotly_chart(figure, key=key, config=config, alt=alt, **settings)


def _chart_format() -> str:
    key, linked = url_state.current_key(_CHARTS)
    chosen: str = st.session_state.get(key) or linked
    return chosen if chosen in _CHART_FORMATS else _CHART_FORMATS[0]


def follow_url() -> None:
    """Take the file format of charts from the URL, before the first chart of a page that ends with ``page``."""
    url_state.arrival_key(_CHARTS, _PARAMETER)


def page() -> None:
    """Show the link to the current view and the file format of charts; once per page."""
    key, linked = url_state.current_key(_CHARTS)
    with st.popover("Share and save", icon=":material/ios_share:", type="tertiary", key="share"):
        st.markdown("**A link to this comparison**")
        st.code(history.link(), language=None, wrap_lines=True)
        chosen = st.segmented_control(
            "Charts are saved as",
            _CHART_FORMATS,
            default=linked if linked in _CHART_FORMATS else _CHART_FORMATS[0],
            key=key,
            persist_state="session",
            format_func=str.upper,
            required=True,
            help="Point at a chart and click the camera at its top right. SVG stays sharp at any size.",
        )
        url_state.keep(_PARAMETER, None if chosen == _CHART_FORMATS[0] else chosen)
