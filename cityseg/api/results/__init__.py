"""Verbs on results: list, evaluate, compare, inspect, audit."""
