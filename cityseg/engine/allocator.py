"""Memory that stays, and memory that goes: freed blocks kept for the next step, or given back after a large photo."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc not to hand large freed blocks back to the kernel; return whether it agreed.

    Every training step frees and takes the same activations. By default each of them is a fresh mapping whose
    pages fault in one by one, which a CPU step feels (``benchmarks/cpu_step.py``).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
        return bool(libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, _NEVER))
    except (OSError, AttributeError):
        return False


def give_back_freed_memory() -> bool:
    """Hand freed memory back to the kernel; return whether any was.

    After one photo of fifty megapixels glibc keeps half a gigabyte, in case as much is wanted again.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL("libc.so.6").malloc_trim(0))
    except (OSError, AttributeError):
        return False
