"""Start jobs as detached processes, and stop them with a signal."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cityseg.errors import UsageError
from cityseg.jobs.liveness import process_identity, stop_process
from cityseg.runs import Run
from cityseg.studio_files import child_environment

_SETTINGS = "CITYSEG_"
"""Prefix of the environment variables that configure the studio."""


def origin() -> dict[str, Any]:
    """Return the working folder and settings of this process, for a training that another process starts later."""
    settings = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
    return {"folder": os.getcwd(), "environment": settings}


def start(run: Run) -> None:
    """Start ``cityseg train --resume RUN`` detached, with its output in ``log.txt``.

    The process gets the working folder and settings of the process that queued the run, so that relative paths stay
    valid. If it cannot be started, the run fails with the reason.
    """
    queued_by = run.status().get("origin")
    if queued_by is None:
        run.write_status(
            state="failed",
            enqueued=None,
            error=f"{run.id}: expected the folder and the settings it was queued with, found none in its status.json; "
            "resume it",
        )
        return
    own = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    host = socket.gethostname()
    run.write_status(state="queued", enqueued=None, launched=time.time(), pid=None, host=host, error=None)
    try:
        pid = start_detached(
            ["train", "--resume", run.id, "--runs", str(run.folder.parent.resolve())],
            run.folder / "log.txt",
            folder=queued_by["folder"],
            environment={**own, **queued_by["environment"]},
        )
    except (OSError, ValueError) as error:  # ValueError for a variable that no process can have
        found = f"{error.strerror} ({error.filename})" if isinstance(error, OSError) else str(error)
        run.write_status(state="failed", error=f"{run.id}: expected to start its process, found {found}; resume it")
        return
    run.write_status(pid=pid, process_start=process_identity(pid))


def start_detached(
    arguments: list[str],
    log: Path,
    *,
    module: str = "cityseg",
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start ``python -m MODULE ARGUMENTS`` in a session of its own, and return its process id.

    Closing the terminal, the browser or the app does not affect it. Its output is appended to ``log``; it works in
    ``folder`` with the variables ``environment``, by default those of this process. Raises OSError if it cannot start.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
            env=child_environment(environment),
        ).pid


def stop(run: Run) -> None:
    """Send SIGTERM, or raise UsageError if the run is not running here.

    The process finishes its step, writes a checkpoint and exits.
    """
    status = run.status()
    if status["state"] != "running":
        raise UsageError(f"{run.id}: expected a running training, found it {status['state']}")
    try:
        if stop_process(status):
            return
    except PermissionError:
        raise UsageError(
            f"{run.id}: expected a training of this user, found its process owned by another; ask them to stop it"
        ) from None
    raise UsageError(f"{run.id}: expected its process on this machine, found it on {status.get('host')}; stop it there")
