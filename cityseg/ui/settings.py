"""How the selected results were made: only the settings in which they differ."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from cityseg.analysis.compare import differing_settings
from cityseg.ui import glossary
from cityseg.ui.comparison import Comparison


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
    frame = pd.DataFrame(
        [
            [glossary.SETTING_NAMES.get(key, "Data"), *(glossary.setting(key, value) for value in values), _why(key)]
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


def _why(key: str) -> str:
    return "What it was trained on." if key == "data" else glossary.meaning(key)
