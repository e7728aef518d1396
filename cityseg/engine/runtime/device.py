"""Where a run computes, and how much memory it took."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

import torch

from cityseg.engine.runtime.precision import has_native_bfloat16


def device_name(device: torch.device) -> str:
    """Return words for the device: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type.upper()}, {threads} thread{'s' if threads != 1 else ''}"


def best_device() -> torch.device:
    """Return the first CUDA device, else the CPU; from then on, float32 has all its bits in this process.

    A GPU would keep 11 of 24 in convolutions (TF32) if it were not told, and give other classes than a CPU.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held so far: on the GPU by tensors, on the CPU by the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # The usual answer, ru_maxrss, begins with what the process that started this one had.
    return _listed("/proc/self/status", "VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak(device: torch.device) -> None:
    """Let ``peak_memory`` begin anew with what is held now, where the system can do that."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def memory_now(device: torch.device) -> int | None:
    """Return the bytes held at this moment, of which ``peak_memory`` is the most; None where it cannot be asked."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else _listed("/proc/self/status", "VmRSS")


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that a training could still take, or None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return _listed("/proc/meminfo", "MemAvailable")


def _listed(path: str, name: str) -> int | None:
    """Read a figure of Linux's lists of ``NAME: FIGURE kB`` in bytes, or None where there is no such list."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def instructions(device: torch.device) -> str:
    """Return words for what a device computes with: its kind of vector instructions, and whether it has bfloat16."""
    kind = "CUDA" if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return f"{kind}, {'with' if has_native_bfloat16(device) else 'no'} bfloat16 instructions"
