"""Create runs and find runs to resume: everything is checked before the run's folder exists."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from cityseg import checkpoint
from cityseg.api.data.connect import connect
from cityseg.api.results.folders import find_result_folder, shipped_folders
from cityseg.config import MODEL_REFERENCES, ExperimentConfig
from cityseg.data.dataset import Dataset, Split
from cityseg.engine.pretrained import PretrainedInputs
from cityseg.engine.step import expect_normalizable
from cityseg.errors import DataError, UsageError
from cityseg.runs import Run, create_run, find_run


def open_data(spec: str | None, configs: Sequence[ExperimentConfig] = ()) -> Dataset | None:
    """Open the dataset of new runs; None for the synthetic one, which is rendered when the training starts.

    Raises:
        UsageError, DataError: as raised by ``connect``; also if a config cannot train on so many frames.
    """
    if not spec or spec == "synthetic":
        return None
    dataset = connect(spec)
    for config in configs:
        expect_normalizable(config, len(dataset.splits["train"]))
    return dataset


def new_run(config: ExperimentConfig, spec: str | None, name: str = "", runs: Path | None = None) -> Run:
    """Create a queued run on a dataset that ``open_data`` has checked.

    The models that the config names are copied into the run's folder, which is then independent of them.

    Raises:
        UsageError, CheckpointError: a named model is still in training, or the initial weights belong to another
            network.
        DataError: a model cannot be copied.
    """
    sources = _sources(config, runs)
    for setting, source in sources.items():
        expect_trained(setting, source)
    PretrainedInputs.load(config, sources)
    taken = tuple(folder.name for folder in shipped_folders())
    data: dict[str, Any] = {"data": {"spec": spec, "name": spec}} if spec else {}
    run = create_run(config, name, runs, taken, **data)
    for setting, source in sources.items():
        try:
            run.pretrained[setting].mkdir()
            for file in (checkpoint.WEIGHTS, checkpoint.CARD):
                shutil.copyfile(source / file, run.pretrained[setting] / file)
        except OSError as error:
            shutil.rmtree(run.folder, ignore_errors=True)
            raise DataError(
                f"{run.id}: expected to copy {source} into the run's folder, found {error.strerror}; fix that or "
                "choose another model or folder of runs"
            ) from None
    return run


def pretrained_inputs(config: ExperimentConfig, runs: Path | None = None) -> PretrainedInputs:
    """Read the models that a config names, on the CPU; raises what ``new_run`` raises for them."""
    return PretrainedInputs.load(config, _sources(config, runs))


def pretrained_version(
    config: ExperimentConfig, runs: Path | None = None, settings: Sequence[str] = MODEL_REFERENCES
) -> str:
    """Return a text that changes with the weights of the models in ``settings`` of a config; empty without models."""
    try:
        sources = _sources(config, runs)
        files = [(sources[name] / checkpoint.WEIGHTS).stat() for name in settings if name in sources]
    except (OSError, UsageError):
        return "missing"
    return " ".join(f"{file.st_size} {file.st_mtime_ns}" for file in files)


def _sources(config: ExperimentConfig, runs: Path | None) -> dict[str, Path]:
    named = {setting: getattr(config, setting) for setting in MODEL_REFERENCES}
    return {setting: find_result_folder(model, runs).checkpoint for setting, model in named.items() if model}


def expect_training_splits(name: str, splits: Collection[Split]) -> None:
    """Raise DataError if the dataset of this name lacks train or val frames."""
    for split in ("train", "val"):
        if split not in splits:
            raise DataError(f"{name}: expected frames in the {split} split, found none; training needs them")


def run_to_resume(run_id: str, runs: Path | None = None) -> Run:
    """Find a run to resume; UsageError for an unfinished average of models, which has no training to resume."""
    run = find_run(run_id, runs)
    if run.status()["state"] == "failed" and (parts := run.describe().get("averaged")):
        raise UsageError(
            f"{run.id}: expected a training to resume, found the average of {', '.join(parts)}; "
            "make it again with `cityseg average`"
        )
    return run


def expect_trained(setting: str, source: Path) -> None:
    """Check that a model's training has ended; until then its best weights may still change.

    Raises:
        UsageError: the run is queued or running; ``setting`` is the field that names the model.
    """
    run = Run(source.parent)
    if not os.path.lexists(run.folder / "status.json"):
        return
    if (state := run.status()["state"]) in ("queued", "running"):
        raise UsageError(
            f"{setting}: expected a model whose training is over, found run {run.id} {state}; wait for its end or stop "
            "it"
        )
