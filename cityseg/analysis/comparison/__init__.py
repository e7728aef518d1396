"""Comparing results: bootstrap intervals, verdicts, contributions of classes, flips and groups of runs."""
