"""Rename and delete runs, and delete measurements on other data."""

from __future__ import annotations

import os
from pathlib import Path

from cityseg.api.results.folders import find_result_folder, shipped_folders
from cityseg.errors import UsageError
from cityseg.files import remove_folder, writing
from cityseg.jobs import queue
from cityseg.runs import Run, find_run, runs_root
from cityseg.text import folder_name, quoted


def rename(run_id: str, name: str, runs: Path | None = None) -> str:
    """Rename a run that has ended, and its folder; return the new id.

    Raises:
        UsageError: an unknown run, one that waits or trains, a shipped model, a name without a letter or digit, or one
            that a run or a shipped model has.
        DataError: a folder of runs that cannot be written.
    """
    run = _find_run(run_id, runs)
    new = folder_name(name)
    if not new:
        raise UsageError(f"expected a name with letters or digits, found {quoted(name)}")
    if new == run_id:
        return run_id
    target = Run(runs_root(runs) / new)
    with queue.locked(run.folder.parent):
        state = run.status()["state"]
        if state in ("queued", "running"):
            raise UsageError(f"{run_id}: expected a run that has ended, found it {state}; rename it afterwards")
        if os.path.lexists(target.folder) or new in {folder.name for folder in shipped_folders()}:
            raise UsageError(f"{run_id}: expected a free name, found {quoted(new)} taken; choose another")
        with writing(target.folder):
            run.folder.rename(target.folder)
    return new


def delete(result: str, runs: Path | None = None) -> None:
    """Delete a run that has ended or waits in the queue, or, as MODEL@DATASET, scores on other data.

    Raises UsageError for a running run, a shipped model, an unknown name, or a folder that cannot be removed.
    """
    if "@" not in result:
        queue.delete(_find_run(result, runs))
        return
    run = find_result_folder(result, runs)
    try:
        remove_folder(run.counts)
    except OSError as error:
        raise UsageError(
            f"{run.counts}: expected a folder that can be removed, found {error.strerror}; change its permissions"
        ) from None


def _find_run(name: str, runs: Path | None) -> Run:
    try:
        return find_run(name, runs)
    except UsageError:
        if name in {folder.name for folder in shipped_folders()}:
            raise UsageError(f"{name}: expected a run, found a shipped model; archive it to hide it") from None
        raise
