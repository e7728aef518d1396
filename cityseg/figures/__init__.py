"""Plotly figures and overlays: pure functions, data in, figure or array out."""
