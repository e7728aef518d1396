"""New runs: checked, and given a folder, before anything is computed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from cityseg import checkpoint
from cityseg.api.data.connect import connect
from cityseg.api.results.listing import find_result_folder, shipped_root
from cityseg.config import MODEL_REFERENCES, ExperimentConfig
from cityseg.engine.pretrained import PretrainedInputs
from cityseg.errors import DataError, UsageError
from cityseg.files import write_json
from cityseg.runs import Run, create_run, find_run


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

    The models that the recipe builds on are copied into the run's folder: it needs them no more.

    Raises:
        UsageError, CheckpointError: a model that it names is unknown, still in training, damaged or, to start from,
            of another network.
    """
    sources = _sources(config, runs)
    for setting, source in sources.items():
        expect_trained(setting, source)
    PretrainedInputs.load(config, sources)
    taken = tuple(path.parent.name for path in shipped_root().glob(f"*/{checkpoint.CARD}"))
    run = create_run(config, name, runs, taken)
    for setting, source in sources.items():
        try:
            run.given[setting].mkdir()
            for file in (checkpoint.WEIGHTS, checkpoint.CARD):
                shutil.copyfile(source / file, run.given[setting] / file)
        except OSError as error:
            shutil.rmtree(run.folder)
            raise DataError(
                f"{run.id}: expected to copy {source} into the run's folder, found {error.strerror}; mend that or "
                "choose another model or folder of runs"
            ) from None
    if spec:
        write_json(run.folder / "config.json", {**run.describe(), "data": {"spec": spec, "name": spec}})
    return run


def given_by(config: ExperimentConfig, runs: Path | None = None) -> PretrainedInputs:
    """Read the models that a recipe builds on, on the CPU; raises what ``make_run`` raises for them."""
    return PretrainedInputs.load(config, _sources(config, runs))


def built_on_by(config: ExperimentConfig, runs: Path | None = None, settings: Sequence[str] = MODEL_REFERENCES) -> str:
    """Return words that change with the weights of the models that a recipe names; empty where it names none.

    Args:
        config: the recipe.
        runs: folder of runs.
        settings: those of its fields whose models count.
    """
    try:
        sources = _sources(config, runs)
        files = [(sources[name] / checkpoint.WEIGHTS).stat() for name in settings if name in sources]
    except (OSError, UsageError):
        return "missing"
    return " ".join(f"{file.st_size} {file.st_mtime_ns}" for file in files)


def _sources(config: ExperimentConfig, runs: Path | None) -> dict[str, Path]:
    named = {setting: getattr(config, setting) for setting in MODEL_REFERENCES}
    return {setting: find_result_folder(model, runs).checkpoint for setting, model in named.items() if model}


def run_to_resume(run_id: str, runs: Path | None = None) -> Run:
    """Find a run to go on with.

    Raises:
        UsageError: no such run, or it is what was left of a mean of models, which no training goes on from.
    """
    run = find_run(run_id, runs)
    if run.status()["state"] == "failed" and (parts := run.describe().get("averaged")):
        raise UsageError(
            f"{run.id}: expected a training to go on with, found the mean of {', '.join(parts)}; "
            "make it again with `cityseg average`"
        )
    return run


def expect_trained(setting: str, source: Path) -> None:
    """Refuse the best weights so far of a run that is not over: they would be another model than the one named.

    Args:
        setting: what named it, the first word of the refusal.
        source: the folder of its weights.

    Raises:
        UsageError: the run waits or is being trained.
    """
    run = Run(source.parent)
    if not (run.folder / "status.json").is_file():
        return
    if (state := run.status()["state"]) in ("queued", "running"):
        raise UsageError(
            f"{setting}: expected a model whose training is over, found run {run.id} {state}; wait for its end or stop "
            "it"
        )
