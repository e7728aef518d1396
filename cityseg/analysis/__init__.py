"""Comparisons and rankings: pure functions over stored results."""
