"""Where a run computes, and how much memory it took."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

import psutil
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
    # Linux inherits ru_maxrss from the parent process, and psutil has no peak there.
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak(device: torch.device) -> None:
    """Let ``peak_memory`` begin anew with what is held now, where the system can do that."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def memory_now(device: torch.device) -> int:
    """Return the bytes in use now: on the GPU by tensors, on the CPU by the process."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss


def free_memory(device: torch.device) -> int:
    """Return the free bytes of the device."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available


def instructions(device: torch.device) -> str:
    """Return words for what a device computes with: its kind of vector instructions, and whether it has bfloat16."""
    kind = "CUDA" if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return f"{kind}, {'with' if has_native_bfloat16(device) else 'no'} bfloat16 instructions"
