"""Whether the process behind a ``status.json`` is still there: of a run, a trial or a preparation."""

from __future__ import annotations

import os
import signal
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


def process_identity(pid: Any) -> float | None:
    """Return when a process started, in hundredths of a second since boot, or None if it has ended.

    None also for anything but a positive integer, which belongs to no process. Counted since boot because a clock that
    is set anew shifts the times of day of both, and because status files have always held this number: Linux's own
    clock ticks.
    """
    if type(pid) is not int or pid <= 0:
        return None
    try:
        process = psutil.Process(pid)
        # A dead child of the app keeps its number as a zombie until the app asks for its exit code.
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(round(100 * (process.create_time() - psutil.boot_time())))
    except (psutil.Error, ValueError, OverflowError):  # the latter for a number larger than any pid
        return None


def runs_here(status: dict[str, Any]) -> bool:
    """Whether the process that wrote a status (pid, process_start) still runs on this machine."""
    # The host comes first: a pid of another machine belongs to somebody else here.
    if status.get("host") != socket.gethostname():
        return False
    started, expected = process_identity(status.get("pid")), status.get("process_start")
    # Outside Linux the two may differ by a correction of the clock; no system gives a pid out again within a second.
    return started is not None and isinstance(expected, int | float) and abs(started - expected) < 100


def is_alive(status: dict[str, Any]) -> bool:
    """Whether the process that wrote a status (pid, process_start, host, heartbeat) is still running."""
    if status.get("host") == socket.gethostname():
        return runs_here(status)
    return _is_recent(status.get("heartbeat"), SILENCE_SECONDS)


def stop_process(status: dict[str, Any]) -> bool:
    """Send SIGTERM to the process that wrote a status; False if it does not run on this machine, or has ended."""
    if not runs_here(status):
        return False
    try:
        os.kill(status["pid"], signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _is_recent(moment: Any, seconds: float) -> bool:
    """Whether a time was less than ``seconds`` ago.

    Clocks of two machines may differ by as much; the age of a time further in the future is unknown.
    """
    return isinstance(moment, int | float) and abs(time.time() - moment) < seconds


def is_waiting(status: dict[str, Any]) -> bool:
    """Whether a run stands in the queue and no process has been started for it yet."""
    return status["state"] == "queued" and bool(status.get("enqueued"))


def may_begin(status: dict[str, Any]) -> bool:
    """Whether a run that does not wait in the queue can still be taken up by the process it was made for."""
    if status.get("launched") and status.get("pid") and status.get("host") == socket.gethostname():
        return is_alive(status)
    return _is_recent(status.get("launched") or status.get("created") or time.time(), BEGIN_SECONDS)
