"""Presets: named configs of ``presets.toml``, each repeatable with one command."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

from cityseg.config.experiment import ExperimentConfig
from cityseg.config.parse import build
from cityseg.errors import UsageError

_FILE = tomllib.loads(resources.files("cityseg.config").joinpath("presets.toml").read_text(encoding="utf-8"))
PRESETS: dict[str, str] = {name: values["description"] for name, values in _FILE["presets"].items()}
"""One-line description of each preset."""
BUDGETS: dict[str, str] = {name: values["budget"] for name, values in _FILE["presets"].items() if "budget" in values}
"""Experiment of the first study whose budget of size, epochs and parameters a preset keeps to."""


def preset(name: str) -> ExperimentConfig:
    """Return a preset's config; UsageError for an unknown name."""
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}: expected one of {', '.join(PRESETS)}")
    return build({**_settings(name), "preset": name})


def _settings(name: str) -> dict[str, Any]:
    """Return the settings of a preset or group: those it is based on, then its own."""
    own = dict((_FILE["presets"] | _FILE["groups"])[name])
    for key in ("description", "budget"):
        own.pop(key, None)
    inherited: dict[str, Any] = {}
    for base in own.pop("based_on", ()):
        inherited |= _settings(base)
    return {**inherited, **own}
