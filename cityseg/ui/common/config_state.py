"""The training config that the session keeps: the settings in the form of the Train page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cityseg import config as configuration
from cityseg.config import ExperimentConfig, presets

FIRST_CHOICE = "better-1"
"""Initial preset: the fastest of the recommended ones."""

_CONFIG = "recipe"


def values() -> dict[str, Any]:
    """Return the settings in the form, not validated yet."""
    settings: dict[str, Any] = st.session_state.setdefault(_CONFIG, presets.preset(FIRST_CHOICE).model_dump())
    return settings


def current() -> ExperimentConfig:
    """Return the form's config, also from within a callback.

    Raises:
        UsageError: the settings are invalid.
    """
    settings = values()
    for field, value in settings.items():
        keys = [key for key, _ in widget_values(field, value)]
        if all(key in st.session_state for key in keys):
            parts = tuple(st.session_state[key] for key in keys)
            settings[field] = parts if len(parts) > 1 else parts[0]
    return configuration.build(settings)


def fill(config: ExperimentConfig) -> None:
    """Put a config into the form; to be called from a callback."""
    settings = config.model_dump()
    st.session_state[_CONFIG] = settings
    for field, value in settings.items():
        for key, part in widget_values(field, value):
            st.session_state[key] = part


def widget_values(field: str, value: Any) -> list[tuple[str, Any]]:
    """Return the widget keys of a setting with their values; the image size has two widgets."""
    if field == "image_size":
        return [("setting_height", value[0]), ("setting_width", value[1])]
    return [(f"setting_{field}", value)]
