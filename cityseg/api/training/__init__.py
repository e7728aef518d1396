"""Verbs on training runs: create, train, queue, sweep, and the checks before a launch."""
