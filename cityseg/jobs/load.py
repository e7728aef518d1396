"""What the processes of a running job use of this machine."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from cityseg.jobs.liveness import runs_here

_GPU_SECONDS = 5
"""A driver that does not answer must not stop the page."""


@dataclass(frozen=True)
class GpuLoad:
    """What a GPU does, and how much of its memory some processes hold."""

    busy: float  # share of the last sample period in which a kernel ran, 0 to 1, of all processes
    memory_bytes: int  # memory of these processes
    total_bytes: int  # memory of the GPU


@dataclass(frozen=True)
class Load:
    """What a process and its children have used by one moment."""

    cpu_seconds: float  # processor time since they started, over all cores
    memory_bytes: int  # resident memory now
    moment: float  # seconds of a monotonic clock
    gpus: tuple[GpuLoad, ...] = ()  # the GPUs that it computes on

    def cores_since(self, earlier: Load) -> float:
        """Return how many cores were busy on average since an earlier measurement, 0 if no time has passed."""
        seconds = self.moment - earlier.moment
        return max(0.0, self.cpu_seconds - earlier.cpu_seconds) / seconds if seconds > 0 else 0.0


def find_load(status: dict[str, Any]) -> Load | None:
    """Measure the process that wrote a status (pid, process_start, host); None unless it runs on this machine."""
    if not runs_here(status):
        return None
    cpu, memory, pids = 0.0, 0, []
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(status["pid"])
        for one in (process, *process.children(recursive=True)):
            # A process may end between the two.
            with contextlib.suppress(psutil.Error), one.oneshot():
                times = one.cpu_times()
                cpu, memory = cpu + times.user + times.system, memory + one.memory_info().rss
                pids.append(one.pid)
    return Load(cpu, memory, time.monotonic(), _gpu_loads(pids)) if memory else None


def _gpu_loads(pids: Sequence[int]) -> tuple[GpuLoad, ...]:
    """Return the load of the NVIDIA GPUs that these processes compute on; none without ``nvidia-smi``."""
    if shutil.which("nvidia-smi") is None:
        return ()
    rows = _query("gpu=uuid,utilization.gpu,memory.total")
    gpus = {gpu: (int(busy) / 100, _mebibytes(total)) for gpu, busy, total in rows if busy.isdecimal()}
    held: dict[str, int] = {}
    for gpu, pid, memory in _query("compute-apps=gpu_uuid,pid,used_memory"):
        if pid.isdecimal() and int(pid) in pids:
            held[gpu] = held.get(gpu, 0) + _mebibytes(memory)
    return tuple(GpuLoad(gpus[gpu][0], memory, gpus[gpu][1]) for gpu, memory in sorted(held.items()) if gpu in gpus)


def _query(fields: str) -> list[list[str]]:
    command = ["nvidia-smi", f"--query-{fields}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.splitlines()]
    return [row for row in rows if len(row) == fields.count(",") + 1]


def _mebibytes(text: str) -> int:
    """Return a memory size in bytes, 0 for one that the GPU does not report ("[N/A]")."""
    return int(text) * 2**20 if text.isdecimal() else 0
