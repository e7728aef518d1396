"""Training processes: started apart from the app, followed through their run folder, stopped with a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from cityseg.errors import UsageError
from cityseg.runs import Run, process_identity


def start(run: Run) -> None:
    """Start ``cityseg train --resume RUN`` detached; what it prints goes to ``log.txt``.

    The process leads a session of its own, so that closing a terminal, the browser or the app changes nothing for it.
    """
    command = [sys.executable, "-m", "cityseg", "train", "--resume", run.id, "--runs", str(run.folder.parent)]
    run.write_status(state="queued", launched=time.time(), error=None)
    with (run.folder / "log.txt").open("ab") as log:
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


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
