"""``cityseg train``: a run in this process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api, config
from cityseg.cli.common import Bars, Data, Json, Runs, print_result, result_lines
from cityseg.errors import UsageError


def train(
    preset: Annotated[str | None, typer.Option("--preset", help=f"One of {', '.join(config.PRESETS)}.")] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="JSON file of settings.")] = None,
    data: Data = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, any number of times.")] = None,
    name: Annotated[str, typer.Option("--name", help="Wish for the run's id.")] = "",
    runs: Runs = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Id of a run to go on with.")] = None,
    as_json: Json = False,
) -> None:
    """Train a preset or a configuration in this process; Ctrl-C finishes the step and keeps a checkpoint."""
    if sum(value is not None for value in (preset, config_file, resume)) != 1:
        raise UsageError("expected exactly one of --preset, --config and --resume")
    if resume and (settings or name):
        raise UsageError("expected --resume alone, found --set or --name; a resumed run keeps its settings")
    description = None
    if not resume:
        start = config.load(config_file) if config_file else config.preset(preset or "")
        description = config.override(start, settings or [])
    bars = Bars()
    try:
        result = api.train(
            description,
            data,
            name=name,
            runs=runs,
            resume=resume,
            on_start=lambda run: print(f"run {run.id} in {run.folder}", file=sys.stderr),
            on_data=bars.data,
            on_progress=bars.step,
            on_warning=lambda sentence: print(f"warning: {sentence}", file=sys.stderr),
        )
    finally:
        bars.close()
    print_result(as_json, result.as_dict(), [*result_lines(result)])
