"""Whether the process behind a ``status.json`` is still there: of a run, a trial or a preparation."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

HEARTBEAT_SECONDS = 5.0
"""A running process renews its status at least this often."""
SILENCE_SECONDS = 60.0
"""Without a heartbeat for this long a run counts as dead, where its process is not to be seen (other machines)."""
BEGIN_SECONDS = 120.0
"""A process that was started and has not taken its run up after this long never will."""


def process_identity(pid: int) -> float | None:
    """Return when a process began, in clock ticks since boot, or None if it has ended (or cannot be asked)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # A dead child of the app keeps its number as a zombie until the app asks for its exit code.
        return None if fields[0] in "ZX" else float(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def is_alive(status: dict[str, Any]) -> bool:
    """Whether the process that wrote a status (pid, process_start, host, heartbeat) is still there."""
    if status.get("host") == socket.gethostname():
        if Path("/proc").is_dir():
            begun = process_identity(status["pid"])
            return begun is not None and begun == status.get("process_start")
        try:
            os.kill(status["pid"], 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # somebody has the number; the heartbeat tells whether it is the run
    return time.time() - status.get("heartbeat", 0) < SILENCE_SECONDS


def is_waiting(status: dict[str, Any]) -> bool:
    """Whether a run stands in the queue and no process has been started for it yet."""
    return status["state"] == "queued" and bool(status.get("enqueued"))


def may_begin(status: dict[str, Any]) -> bool:
    """Whether a run that does not wait in the queue can still be taken up by the process it was made for."""
    if status.get("launched") and status.get("pid") and status.get("host") == socket.gethostname():
        return is_alive(status)
    since: float = status.get("launched") or status.get("created") or time.time()
    return time.time() - since < BEGIN_SECONDS
