"""List and find run folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cityseg.errors import UsageError
from cityseg.runs.folder import Run
from cityseg.text import quoted


def runs_root(root: Path | None = None) -> Path:
    """Return the folder of all runs: ``root`` if set, else ``$CITYSEG_RUNS``, else ``runs``."""
    return root or Path(os.environ.get("CITYSEG_RUNS") or "runs")


def list_runs(root: Path | None = None) -> Iterator[Run]:
    """Yield the runs of a folder, newest first, damaged ones included."""
    try:
        names = os.listdir(runs_root(root))
    except OSError:  # no run yet, or a folder that nobody may read
        names = []
    runs = [Run(runs_root(root) / name) for name in names if not name.startswith(".")]
    yield from sorted((run for run in runs if run.has_records()), key=lambda run: (_changed(run), run.id), reverse=True)


def _changed(run: Run) -> float:
    """Return when a run was created or configured, 0 if that cannot be read."""
    try:
        return (run.folder / "config.json").stat().st_mtime
    except OSError:
        return 0.0


def find_run(run_id: str, root: Path | None = None) -> Run:
    """Return the run with this id; UsageError for an unknown one."""
    run = Run(runs_root(root) / run_id)
    if Path(run_id).name != run_id or not run_id or run_id == ".." or not run.has_records():
        known = ", ".join([run.id for run in list_runs(root)][:8])
        raise UsageError(f"unknown run {quoted(run_id)} in {runs_root(root)}: expected one of {known or 'none yet'}")
    return run
