"""What the processes of a running job use of this machine."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import psutil

from cityseg.jobs.liveness import runs_here


@dataclass(frozen=True)
class Load:
    """What a process and its children have used by one moment."""

    cpu_seconds: float  # processor time since they started, over all cores
    memory_bytes: int  # resident memory now
    moment: float  # seconds of a monotonic clock

    def cores_since(self, earlier: Load) -> float:
        """Return how many cores were busy on average since an earlier measurement, 0 if no time has passed."""
        seconds = self.moment - earlier.moment
        return max(0.0, self.cpu_seconds - earlier.cpu_seconds) / seconds if seconds > 0 else 0.0


def find_load(status: dict[str, Any]) -> Load | None:
    """Measure the process that wrote a status (pid, process_start, host); None unless it runs on this machine."""
    if not runs_here(status):
        return None
    cpu, memory = 0.0, 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(status["pid"])
        for one in (process, *process.children(recursive=True)):
            # A process may end between the two.
            with contextlib.suppress(psutil.Error), one.oneshot():
                times = one.cpu_times()
                cpu, memory = cpu + times.user + times.system, memory + one.memory_info().rss
    return Load(cpu, memory, time.monotonic()) if memory else None
