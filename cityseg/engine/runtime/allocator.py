"""Memory: freed blocks kept for the next step or returned to the kernel, and collection of long-lived objects."""

from __future__ import annotations

import atexit
import ctypes
import gc
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Configure glibc not to return large freed blocks to the kernel; return whether that worked.

    Every training step allocates and frees the same activations. By default each is a fresh mapping whose pages fault
    in one by one, which slows down a CPU step (``benchmarks/cpu_step.py``).
    """
    return _glibc(lambda libc: libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, _NEVER))


def give_back_freed_memory() -> bool:
    """Return freed memory to the kernel; return whether there was any.

    After one photo of fifty megapixels glibc keeps half a gigabyte for later requests.
    """
    return _glibc(lambda libc: libc.malloc_trim(0))


def _glibc(call: Callable[[ctypes.CDLL], int]) -> bool:
    """Return whether a call succeeded; False without glibc."""
    try:
        return sys.platform.startswith("linux") and bool(call(ctypes.CDLL("libc.so.6")))
    except (OSError, AttributeError):
        return False


def freeze_loaded_objects() -> None:
    """Collect reference cycles, then exclude all current objects from further collections.

    The libraries create nearly half a million permanent objects, and examining them takes a fifth of a second. Frozen
    objects are still freed when nothing refers to them; a cycle of them is freed by the next call.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    # Some libraries warn about objects that are left when a process ends.
    atexit.unregister(gc.unfreeze)
    atexit.register(gc.unfreeze)
