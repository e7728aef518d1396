"""New runs: checked, and given a folder, before anything is computed."""

from __future__ import annotations

import shutil
from pathlib import Path

from cityseg import checkpoint
from cityseg.api.data import connect
from cityseg.api.results import find_result_folder, shipped_root
from cityseg.config import ExperimentConfig
from cityseg.engine.initial import initial_weights
from cityseg.files import write_json
from cityseg.runs import Run, create_run


def new_run(config: ExperimentConfig, spec: str | None, name: str = "", runs: Path | None = None) -> Run:
    """Make a queued run after checking that its dataset opens.

    Raises:
        UsageError, DataError: the dataset cannot be connected, or what ``make_run`` refuses.
    """
    expect_data(spec)
    return make_run(config, spec, name, runs)


def expect_data(spec: str | None) -> None:
    """Check that a dataset opens; raises UsageError or DataError where it does not."""
    if spec and spec != "synthetic":
        connect(spec)


def make_run(config: ExperimentConfig, spec: str | None, name: str = "", runs: Path | None = None) -> Run:
    """Make a queued run on a dataset that is known to open.

    A model to start from is copied into the run's folder: the run can be begun, and repeated, without it.

    Raises:
        UsageError, CheckpointError: the model to start from is unknown, damaged or of another network.
    """
    initial = find_result_folder(config.initial, runs).checkpoint if config.initial else None
    if initial:
        initial_weights(config, initial)
    taken = tuple(path.parent.name for path in shipped_root().glob(f"*/{checkpoint.CARD}"))
    run = create_run(config, name, runs, taken)
    if initial:
        run.initial.mkdir()
        for file in (checkpoint.WEIGHTS, checkpoint.CARD):
            shutil.copyfile(initial / file, run.initial / file)
    if spec:
        write_json(run.folder / "config.json", {**run.describe(), "data": {"spec": spec, "name": spec}})
    return run
