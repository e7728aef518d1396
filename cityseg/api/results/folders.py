"""Folders of results: runs, shipped models, and what is stored about a result beside its own files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cityseg import checkpoint
from cityseg.config.presets import PRESETS
from cityseg.errors import UsageError
from cityseg.runs import Run, runs_root
from cityseg.studio_files import studio_root
from cityseg.text import home_expanded, quoted

MEASUREMENT = "measured.json"
"""File of a measurement on other data than the result's own: model, data and scores by split."""
_FINDINGS, _MEASURED = ".audits", "measured"


def shipped_root() -> Path:
    """Return the folder of shipped models: ``checkpoints/`` of the checkout, or of the installed wheel."""
    return studio_root() / "checkpoints"


def shipped_folders() -> list[Path]:
    """Return the folders of the shipped models by name."""
    return sorted(path.parent for path in shipped_root().glob(f"*/{checkpoint.CARD}"))


def find_result_folder(name: str, runs: Path | None = None) -> Run:
    """Return the folder behind MODEL or ``MODEL@DATASET``; UsageError for an unknown name."""
    shipped = shipped_root() / name
    if Path(name).name == name:
        run = Run(runs_root(runs) / name)
        if not name.startswith(".") and run.has_records():
            return run
        if os.path.isfile(shipped / checkpoint.CARD):
            return Run(shipped)
    folder = home_expanded(name)
    # Unlike pathlib's, this answers for a name that no file system accepts.
    if any(os.path.isfile(place / checkpoint.CARD) for place in (folder, folder / "best")):
        return Run(folder)
    model, _, dataset = name.rpartition("@")
    if model and Path(dataset).name == dataset != "..":
        run = find_result_folder(model, runs)
        measured = {each.id: each for each in measured_elsewhere(run, runs)}
        if (found := measured.get(f"{run.id}@{dataset}")) is not None:
            return found
        raise UsageError(
            f"unknown result {quoted(name)}: expected a measurement of {quoted(model)}, found "
            f"{', '.join(measured) or 'none'}; measure it first: cityseg measure {model} --data DATA"
        )
    names = [folder.name for folder in shipped_folders()]
    first = f"; train it first: cityseg train --preset {name} --name {name}" if name in PRESETS else ""
    raise UsageError(
        f"unknown model {quoted(name)}: expected a run id, a folder with {checkpoint.CARD}, or one of "
        f"{', '.join(names) or 'no shipped models'}{first}"
    )


def sidecar_folder(run: Run, runs: Path | None) -> Path:
    """Return the folder of what is stored about a result: the run's own, or one beside the runs for any other model.

    The folder of a shipped model may be read-only. Findings about a measurement on other data lie beside its counts.
    """
    if run.counts != run.folder:
        return run.counts
    if os.path.lexists(run.folder / "status.json"):
        return run.folder
    name = run.id
    if run.folder.resolve().parent != shipped_root():
        # Folders named on the command line may share a name.
        name += f"-{hashlib.sha256(str(run.folder.resolve()).encode()).hexdigest()[:8]}"
    return runs_root(runs) / _FINDINGS / name


def measurement_folder(run: Run, dataset: str, runs: Path | None) -> Run:
    """Return a result with the folder for its counts on ``dataset``, a name that is a folder's."""
    return Run(run.folder, sidecar_folder(Run(run.folder), runs) / _MEASURED / dataset)


def measured_elsewhere(run: Run, runs: Path | None) -> list[Run]:
    """Return the measurements of a result on other data, by name."""
    parent = sidecar_folder(Run(run.folder), runs) / _MEASURED
    try:
        names = sorted(os.listdir(parent))
    except OSError:  # usually there are none
        return []
    return [Run(run.folder, parent / name) for name in names if os.path.isfile(parent / name / MEASUREMENT)]
