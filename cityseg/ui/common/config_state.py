"""The training config that the session keeps: the settings in the form of the Train page."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from cityseg import config as configuration
from cityseg.config import ExperimentConfig, presets
from cityseg.errors import CitysegError
from cityseg.ui.app import history, url_state

FIRST_CHOICE = "better-1"
"""Initial preset: the fastest of the recommended ones."""

_CONFIG, _FILLED = "recipe", "times the form was filled"
_PRESET, _SETTINGS = "preset", "settings"


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
    """Put a config into the form, whose widgets are made anew.

    The browser can still report the values of the former ones, which it has just loaded, after this.
    """
    st.session_state[_CONFIG] = config.model_dump()
    st.session_state[_FILLED] = st.session_state.get(_FILLED, 0) + 1


def follow_url() -> None:
    """Fill the form with the preset and the settings that the URL names, once per visit of the page."""
    name = history.arriving("train_preset", _PRESET)
    changed = history.arriving("train_settings", _SETTINGS)
    if name is None and changed is None:
        return
    base = presets.preset(name if name in presets.PRESETS else FIRST_CHOICE)
    try:
        settings = json.loads(changed or "{}")
        config = configuration.build(base.model_dump() | (settings if isinstance(settings, dict) else {}))
    except (ValueError, RecursionError, CitysegError):
        url_state.report_stale(_SETTINGS, [changed or ""], base.preset)
        config = base
    if name and name not in presets.PRESETS:
        url_state.report_stale(_PRESET, [name], base.preset)
    fill(config)


def record_in_url() -> None:
    """Put the preset and what differs from it into the URL."""
    settings = values()
    base = presets.preset(settings["preset"] if settings["preset"] in presets.PRESETS else FIRST_CHOICE).model_dump()
    changed = {field: value for field, value in settings.items() if value != base[field]}
    url_state.keep(_PRESET, None if base["preset"] == FIRST_CHOICE else base["preset"])
    url_state.keep(_SETTINGS, json.dumps(changed, separators=(",", ":")) if changed else None)


def drop_from_url() -> None:
    """Remove what ``record_in_url`` writes, on a page that does not show the form's config."""
    for parameter in (_PRESET, _SETTINGS):
        url_state.keep(parameter, None)


def widget_values(field: str, value: Any) -> list[tuple[str, Any]]:
    """Return the widget keys of a setting with their values; the image size has two widgets."""
    filled = st.session_state.get(_FILLED, 0)
    ending = f"_{filled}" if filled else ""
    if field == "image_size":
        return [(f"setting_height{ending}", value[0]), (f"setting_width{ending}", value[1])]
    return [(f"setting_{field}{ending}", value)]
