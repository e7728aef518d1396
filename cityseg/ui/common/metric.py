"""Metrics with a plain second line."""

from __future__ import annotations

from typing import Any


def metric(place: Any, label: str, value: str, detail: str, meaning: str | None = None) -> None:
    """Show a metric in a container, with a second line and a help text."""
    place.metric(label, value, detail, delta_color="off", delta_arrow="off", border=True, help=meaning)
