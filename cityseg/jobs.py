"""Processes of their own: started apart from the app, followed through their files, stopped with a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cityseg.errors import UsageError
from cityseg.runs import Run, process_identity


def start(run: Run) -> None:
    """Start ``cityseg train --resume RUN`` detached; what it prints goes to ``log.txt``."""
    run.write_status(state="queued", launched=time.time(), error=None)
    start_detached(["train", "--resume", run.id, "--runs", str(run.folder.parent)], run.folder / "log.txt")


def start_detached(arguments: list[str], log: Path) -> int:
    """Start ``cityseg ARGUMENTS`` as a process of its own; what it prints is added to ``log``. Returns its number.

    The process leads a session of its own, so that closing a terminal, the browser or the app changes nothing for it.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "cityseg", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ).pid


def stop(run: Run) -> None:
    """Send SIGTERM; the process finishes its step, writes a checkpoint and leaves.

    Raises:
        UsageError: the run is not running on this machine.
    """
    status = run.status()
    if status["state"] != "running":
        raise UsageError(f"{run.id}: expected a running training, found it {status['state']}")
    if process_identity(status["pid"]) != status["process_start"]:
        raise UsageError(f"{run.id}: expected its process on this machine, found it on {status['host']}; stop it there")
    os.kill(status["pid"], signal.SIGTERM)
