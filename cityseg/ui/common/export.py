"""Taking things away: any table as CSV, Markdown or LaTeX, any chart as SVG or PNG, and a link to what is shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis import tables
from cityseg.analysis.tables import Format, Table
from cityseg.ui.app import session

_FORMATS: tuple[tuple[Format, str, str, str], ...] = (
    ("csv", "CSV", "csv", "text/csv"),
    ("markdown", "Markdown", "md", "text/markdown"),
    ("latex", "LaTeX", "tex", "application/x-tex"),
)
_PICTURES, _PARAMETER = "pictures_as", "pictures"
_FIRST = "pictures on arrival"
_PICTURE_FORMATS = ("svg", "png")


def table(frame: pd.DataFrame, name: str, key: str, signed: Collection[str] = ()) -> None:
    """Offer a table as CSV, Markdown and LaTeX, behind one small button.

    Args:
        frame: what is shown, without columns of pictures.
        name: file name without its ending.
        key: of the widgets; once per page.
        signed: columns of differences.
    """
    with st.popover("Save table", icon=":material/download:", type="tertiary", key=f"{key}_export"):
        for form, words, ending, mime in _FORMATS:
            st.download_button(
                words,
                tables.write(of(frame, signed), form),
                f"{name}.{ending}",
                mime,
                key=f"{key}_{form}",
                on_click="ignore",
                width="stretch",
                help="A tabular for the booktabs package." if form == "latex" else None,
            )


def of(frame: pd.DataFrame, signed: Collection[str] = ()) -> Table:
    """Return a data frame as a table; its index is left out."""
    rows = tuple(tuple(_plain(cell) for cell in row) for row in frame.itertuples(index=False, name=None))
    return Table(tuple(map(str, frame.columns)), rows, frozenset(signed))


def _plain(cell: Any) -> tables.Cell:
    if isinstance(cell, np.generic):
        cell = cell.item()
    return cell if cell is None or isinstance(cell, str | int | float) else str(cell)


def chart(name: str) -> dict[str, Any]:
    """Return plotly's ``config`` for a chart that can be saved: one small camera, seen where the pointer is over it.

    Args:
        name: file name without its ending.
    """
    return {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": _picture_format(), "filename": name, "scale": 2},
    }


def _picture_format() -> str:
    chosen = st.session_state.get(_PICTURES) or session.remembered(_PARAMETER, _PICTURE_FORMATS)
    return chosen or _PICTURE_FORMATS[0]


def page() -> None:
    """Offer a link that opens the same, and say how charts are saved; once per page."""
    with st.popover("Share and save", icon=":material/ios_share:", type="tertiary", key="share"):
        st.markdown("**A link to this comparison**")
        st.code(link(), language=None, wrap_lines=True)
        chosen = st.segmented_control(
            "Charts are saved as",
            _PICTURE_FORMATS,
            # As a default, not through the session: what a popover holds is built when it is opened.
            default=st.session_state.setdefault(_FIRST, _picture_format()),
            key=_PICTURES,
            persist_state="session",
            format_func=str.upper,
            required=True,
            help="Point at a chart and click the camera at its top right. SVG stays sharp at any size.",
        )
        session.remember(_PARAMETER, None if chosen == _PICTURE_FORMATS[0] else chosen)


def link() -> str:
    """Return the address that shows what is shown now."""
    address = (st.context.url or "").partition("?")[0]
    return f"{address}?{urlencode({name: st.query_params.get_all(name) for name in st.query_params}, doseq=True)}"
