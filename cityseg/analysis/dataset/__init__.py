"""Frames of a dataset as a table, and differences between its splits."""
