"""Whether the process behind a ``status.json`` is still there: of a run, a trial or a preparation."""

from __future__ import annotations

import socket
import time
from typing import Any

import psutil

HEARTBEAT_SECONDS = 5.0
"""A running process renews its status at least this often."""
SILENCE_SECONDS = 60.0
"""Without a heartbeat for this long a run counts as dead, if its process is on another machine."""
BEGIN_SECONDS = 120.0
"""A process that was started and has not taken its run up after this long never will."""


def process_identity(pid: int) -> float | None:
    """Return when a process started, in hundredths of a second since boot, or None if it has ended.

    Counted since boot because a clock that is set anew shifts the times of day of both, and because status files have
    always held this number: Linux's own clock ticks.
    """
    try:
        process = psutil.Process(int(pid))  # for None psutil would take this very process
        # A dead child of the app keeps its number as a zombie until the app asks for its exit code.
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(round(100 * (process.create_time() - psutil.boot_time())))
    except (psutil.Error, TypeError, ValueError, OverflowError):  # all but the first for a damaged status file's pid
        return None


def runs_here(status: dict[str, Any]) -> bool:
    """Whether the process that wrote a status (pid, process_start) still runs on this machine."""
    if status.get("host") != socket.gethostname():
        return False
    started, expected = process_identity(status["pid"]), status.get("process_start")
    # Outside Linux the two may differ by a correction of the clock; no system gives a pid out again within a second.
    return started is not None and isinstance(expected, int | float) and abs(started - expected) < 100


def is_alive(status: dict[str, Any]) -> bool:
    """Whether the process that wrote a status (pid, process_start, host, heartbeat) is still running."""
    if status.get("host") == socket.gethostname():
        return runs_here(status)
    result: bool = time.time() - status.get("heartbeat", 0) < SILENCE_SECONDS
    return result


def is_waiting(status: dict[str, Any]) -> bool:
    """Whether a run stands in the queue and no process has been started for it yet."""
    return status["state"] == "queued" and bool(status.get("enqueued"))


def may_begin(status: dict[str, Any]) -> bool:
    """Whether a run that does not wait in the queue can still be taken up by the process it was made for."""
    if status.get("launched") and status.get("pid") and status.get("host") == socket.gethostname():
        return is_alive(status)
    since: float = status.get("launched") or status.get("created") or time.time()
    return time.time() - since < BEGIN_SECONDS
