"""``cityseg train``: train a run in this process, or queue it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api, distributed
from cityseg.cli.common import Bars, print_result, result_lines
from cityseg.cli.options import ConfigFile, Data, Json, Preset, Runs, Settings, build_config
from cityseg.config import ExperimentConfig
from cityseg.errors import UsageError


def train(
    preset: Preset = None,
    config_file: ConfigFile = None,
    data: Data = None,
    settings: Settings = None,
    name: Annotated[str, typer.Option(help="Preferred id of the run.")] = "",
    runs: Runs = None,
    resume: Annotated[str | None, typer.Option(help="Id of a run to resume.")] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Queue the run instead; it starts by itself when a slot is free.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a preset or a config in this process; Ctrl-C finishes the step and keeps a checkpoint."""
    if sum(value is not None for value in (preset, config_file, resume)) != 1:
        raise UsageError("expected exactly one of --preset, --config and --resume")
    if resume and (settings or name):
        raise UsageError("expected --resume alone, found --set or --name; a resumed run keeps its settings")
    config = None if resume else build_config(preset, config_file, settings)
    if queue:
        _queue(config, data, name, runs, resume, as_json)
        return
    with Bars() as bars:
        result = api.train(
            config,
            data,
            name=name,
            runs=runs,
            resume=resume,
            on_start=lambda run: print(f"run {run.id} in {run.folder}", file=sys.stderr),
            on_data=bars.data,
            on_progress=bars.step,
            on_warning=lambda sentence: print(f"warning: {sentence}", file=sys.stderr),
        )
    if distributed.is_first():
        print_result(as_json, result.as_dict(), [*result_lines(result)])


def _queue(
    config: ExperimentConfig | None, data: str | None, name: str, runs: Path | None, resume: str | None, as_json: bool
) -> None:
    if config is None:
        assert resume is not None
        if data:
            raise UsageError("expected --resume and --queue without --data, found it; a queued run keeps its data")
        api.resume(resume, runs)
        run_id = resume
    else:
        run_id = api.launch(config, data, name=name, runs=runs)
    waiting = api.find_queue(runs).waiting
    position = waiting.index(run_id) + 1 if run_id in waiting else None
    words = "starts now" if position is None else f"waits in the queue, {position} of {len(waiting)}"
    print_result(as_json, {"id": run_id, "position": position}, [f"{run_id} {words}"])
