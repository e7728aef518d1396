"""Options of the verbs that take a config: a preset or a file, changed by ``--set``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cityseg import config
from cityseg.config import ExperimentConfig, presets
from cityseg.errors import UsageError

Preset = Annotated[str | None, typer.Option("--preset", help=f"One of {', '.join(presets.PRESETS)}.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="JSON file of settings.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, any number of times.")]


def build_config(preset: str | None, config_file: Path | None, settings: list[str] | None) -> ExperimentConfig:
    """Return the config that the options name.

    Raises:
        UsageError: not exactly one of preset and file, or an invalid setting.
    """
    if (preset is None) == (config_file is None):
        raise UsageError("expected exactly one of --preset and --config")
    start = config.load(config_file) if config_file else presets.preset(preset or "")
    return config.override(start, settings or [])
