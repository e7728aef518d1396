"""The Dataset page."""
