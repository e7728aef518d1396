"""Charts and metrics as the pages show them."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st


def plain_chart(figure: go.Figure, key: str, alt: str) -> None:
    """Show a chart without Plotly's toolbar; ``alt`` describes it to screen readers."""
    st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False})


def chart_title(words: str, how_to_read: str) -> None:
    """Show the title of a chart, Markdown, with a help icon that says how to read it."""
    st.markdown(f"**{words}**", help=how_to_read)


def metric(place: Any, label: str, value: str, detail: str, meaning: str | None = None) -> None:
    """Show a metric in a container, with a second line and a help text."""
    place.metric(label, value, detail, delta_color="off", delta_arrow="off", border=True, help=meaning)
