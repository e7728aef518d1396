"""Charts as the pages show them."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st


def plain_chart(figure: go.Figure, key: str, alt: str) -> None:
    """Show a chart without Plotly's toolbar; ``alt`` describes it to screen readers."""
    st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False})
