"""Stamps of results' folders, by which a list of results knows which of them have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from cityseg.api.results.folders import measured_elsewhere, sidecar_folder
from cityseg.runs import Run

Stamp = tuple[tuple[str, int, int, int], ...]
"""Path, inode, size and modification time of every file; files are replaced atomically, so a change has a new inode."""
_RACY_NANOSECONDS = 10**9
"""File systems count time in milliseconds at best: a file this new may change once more without a new stamp."""


def folder_stamp(run: Run, runs: Path | None) -> Stamp | None:
    """Return a stamp of the files that a result is read from; None while one of them is too new for that.

    Files in deeper folders (probes, other checkpoints) are no part of it, but for measurements on other data.
    """
    sidecar = sidecar_folder(run, runs)
    folders = [run.folder, run.folder / "best", *([sidecar] if sidecar != run.folder else [])]
    folders += [other.counts for other in measured_elsewhere(run, runs)]
    found = []
    for folder in folders:
        try:
            for entry in os.scandir(folder):
                status = entry.stat()
                found.append((entry.path, status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            continue
    newest = max((stamp[3] for stamp in found), default=0)
    return tuple(sorted(found)) if time.time_ns() - newest > _RACY_NANOSECONDS else None
