"""Figures of the Dataset page."""
