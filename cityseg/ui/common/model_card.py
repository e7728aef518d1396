"""A button that opens the model card of a result."""

from __future__ import annotations

import streamlit as st

from cityseg import api
from cityseg.api import Result
from cityseg.api.types import weights_version
from cityseg.ui.common.errors import errors_shown


def button(result: Result) -> None:
    """Show a button that opens the model's card in a dialog; nothing for a model without weights or scores."""
    if (
        result.has_weights
        and result.scores
        and st.button(
            "Model card",
            icon=":material/description:",
            type="tertiary",
            key=f"card_{result.id}",
            help="Training, scores with 95 % intervals, calibration and limits, to read or to save.",
        )
    ):
        st.dialog("Model card", width="large")(_show)(result.model, weights_version(result.run.checkpoint))


@errors_shown()
def _show(model: str, version: int) -> None:
    text = _card(model, version)
    st.markdown(text)
    st.download_button(
        "Save as Markdown", text, f"{model}.md", "text/markdown", icon=":material/download:", on_click="ignore"
    )


@st.cache_data(show_spinner="Computing intervals of all scores", max_entries=8)
def _card(model: str, version: int) -> str:
    return api.describe_model(model)
