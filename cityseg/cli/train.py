"""``cityseg train``: a run in this process, or in line for one of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cityseg import api, config, distributed
from cityseg.cli.common import Bars, Data, Json, Runs, print_result, result_lines
from cityseg.config import presets
from cityseg.errors import UsageError


def train(
    preset: Annotated[str | None, typer.Option("--preset", help=f"One of {', '.join(presets.PRESETS)}.")] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="JSON file of settings.")] = None,
    data: Data = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, any number of times.")] = None,
    name: Annotated[str, typer.Option("--name", help="Wish for the run's id.")] = "",
    runs: Runs = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Id of a run to go on with.")] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Put the run in line instead; it starts by itself when a slot is free.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a preset or a configuration in this process; Ctrl-C finishes the step and keeps a checkpoint."""
    if sum(value is not None for value in (preset, config_file, resume)) != 1:
        raise UsageError("expected exactly one of --preset, --config and --resume")
    if resume and (settings or name):
        raise UsageError("expected --resume alone, found --set or --name; a resumed run keeps its settings")
    description = None
    if not resume:
        start = config.load(config_file) if config_file else presets.preset(preset or "")
        description = config.override(start, settings or [])
    if queue:
        _put_in_line(description, data, name, runs, resume, as_json)
        return
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
    if distributed.is_first():
        print_result(as_json, result.as_dict(), [*result_lines(result)])


def _put_in_line(
    description: config.ExperimentConfig | None,
    data: str | None,
    name: str,
    runs: Path | None,
    resume: str | None,
    as_json: bool,
) -> None:
    if description is None:
        assert resume is not None
        if data:
            raise UsageError("expected --resume and --queue without --data, found it; a run in line keeps its data")
        api.resume(resume, runs)
        run_id = resume
    else:
        run_id = api.launch(description, data, name=name, runs=runs)
    queue = api.find_queue(runs)
    position = queue.waiting.index(run_id) + 1 if run_id in queue.waiting else None
    words = "starts now" if position is None else f"waits in the queue, {position} of {len(queue.waiting)}"
    print_result(as_json, {"id": run_id, "position": position}, [f"{run_id} {words}"])
