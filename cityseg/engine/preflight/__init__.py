"""Checks before a launch: cost, pace, the overfit check and the learning-rate finder."""
