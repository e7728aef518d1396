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
    """Yield the runs of a folder, newest first."""
    files = runs_root(root).glob("*/config.json")
    for file in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        yield Run(file.parent)


def find_run(run_id: str, root: Path | None = None) -> Run:
    """Return the run with this id; UsageError for an unknown one."""
    run = Run(runs_root(root) / run_id)
    if Path(run_id).name != run_id or run_id == ".." or not os.path.isfile(run.folder / "config.json"):
        known = ", ".join([run.id for run in list_runs(root)][:8])
        raise UsageError(f"unknown run {quoted(run_id)} in {runs_root(root)}: expected one of {known or 'none yet'}")
    return run
