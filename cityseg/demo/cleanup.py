"""Deletion of visitors' files by age, from the folder itself.

gradio's own deletion works from lists that requests change, and ends at its first exception.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from cityseg.periodic import calling

KEEP_SECONDS = 600
"""How long the files of a request, the photo included, stay on the server's disk."""
CLEANUP_SECONDS = 15
"""How often older files are deleted."""

_log = logging.getLogger(__name__)


def delete_old(folder: Path, kept: frozenset[Path], seconds: float) -> int:
    """Delete what has not changed for ``seconds`` in a folder, except the files ``kept``; return how many files went.

    A file that cannot be deleted, or that another thread deletes first, does not keep the others.
    """
    oldest, deleted = time.time() - seconds, 0
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(parent, name)
            # The time of the last change of the entry: a copy keeps the modification time of its source.
            with contextlib.suppress(OSError):
                if path not in kept and path.lstat().st_ctime < oldest:
                    path.unlink()
                    deleted += 1
        for name in folders:
            path = Path(parent, name)
            # rmdir refuses a folder with files, such as one that a request has just written to.
            with contextlib.suppress(OSError):
                if path.lstat().st_ctime < oldest:
                    path.rmdir()
    return deleted


@contextlib.contextmanager
def deleting_old_files(folder: Path) -> Iterator[None]:
    """Delete files older than ``KEEP_SECONDS`` inside the block; those that exist at its start are kept."""
    kept = frozenset(path for path in folder.rglob("*") if path.is_file())

    def delete() -> None:
        try:
            # A cycle less, so that no file is older than promised when the next one comes.
            delete_old(folder, kept, KEEP_SECONDS - CLEANUP_SECONDS)
        except Exception:
            # Whatever happens, the next cycle tries again.
            _log.exception("Old files could not be deleted; the next attempt is in %s seconds", CLEANUP_SECONDS)

    with calling(delete, CLEANUP_SECONDS, "delete-old-files"):
        yield
