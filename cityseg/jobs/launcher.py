"""Processes of their own: started apart from the app, followed through their files, stopped with a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cityseg.errors import UsageError
from cityseg.jobs.liveness import process_identity, runs_here
from cityseg.runs import Run

_SETTINGS = "CITYSEG_"
"""Begin of the names of environment variables that are the studio's settings."""


def origin() -> dict[str, Any]:
    """Return what a training that is started later, by another process, needs to know about this one."""
    settings = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
    return {"folder": os.getcwd(), "environment": settings}


def start(run: Run) -> None:
    """Start ``cityseg train --resume RUN`` detached; what it prints goes to ``log.txt``.

    The process works in the folder and with the settings of the studio that put the run in line, so that relative paths
    mean what they meant there. A process that cannot be started fails the run with a sentence.
    """
    made = run.status()["origin"]
    own = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    host = socket.gethostname()
    run.write_status(state="queued", enqueued=None, launched=time.time(), pid=None, host=host, error=None)
    try:
        pid = start_detached(
            ["train", "--resume", run.id, "--runs", str(run.folder.parent.resolve())],
            run.folder / "log.txt",
            folder=made["folder"],
            environment={**own, **made["environment"]},
        )
    except OSError as error:
        found = f"{error.strerror} ({error.filename})"
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
    """Start ``python -m MODULE ARGUMENTS`` as a process of its own; what it prints is added to ``log``.

    The process leads a session of its own, so that closing a terminal, the browser or the app changes nothing for it.

    Args:
        arguments: the words after the module's name.
        log: gets what the process prints.
        module: what to run; ``cityseg`` is the command line.
        folder: where the process works, by default here.
        environment: all its variables, by default this process's own.

    Returns:
        The process's number. Raises OSError where no process can be started.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
            env=environment,
        ).pid


def stop(run: Run) -> None:
    """Send SIGTERM; the process finishes its step, writes a checkpoint and leaves.

    Raises:
        UsageError: the run is not running on this machine.
    """
    status = run.status()
    if status["state"] != "running":
        raise UsageError(f"{run.id}: expected a running training, found it {status['state']}")
    if not runs_here(status):
        raise UsageError(f"{run.id}: expected its process on this machine, found it on {status['host']}; stop it there")
    os.kill(status["pid"], signal.SIGTERM)
