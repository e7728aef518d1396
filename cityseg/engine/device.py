"""Where a run computes, and how much memory it took."""

from __future__ import annotations

import resource
from pathlib import Path

import torch


def device_name(device: torch.device) -> str:
    """Return words for the device: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type.upper()}, {torch.get_num_threads()} threads"


def best_device() -> torch.device:
    """Return the first CUDA device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held so far: on the GPU by tensors, on the CPU by the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # What getrusage says includes the program that started this one: a run would begin with the app's memory.
    own = _kilobytes("/proc/self/status", "VmHWM")
    return (own if own is not None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that a training could still take, or None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    available = _kilobytes("/proc/meminfo", "MemAvailable")
    return None if available is None else available * 1024


def _kilobytes(path: str, name: str) -> int | None:
    """Read a figure of Linux's lists of ``NAME: FIGURE kB``, or None where there is no such list."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
