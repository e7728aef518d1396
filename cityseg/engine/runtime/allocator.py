"""Memory: freed blocks kept for the next step or returned to the kernel, and collection of long-lived objects."""

from __future__ import annotations

import atexit
import ctypes
import gc
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Configure glibc not to return large freed blocks to the kernel; return whether that worked.

    Every training step allocates and frees the same activations. By default each is a fresh mapping whose pages fault
    in one by one, which slows down a CPU step (``benchmarks/cpu_step.py``).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
        return bool(libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, _NEVER))
    except (OSError, AttributeError):
        return False


def give_back_freed_memory() -> bool:
    """Return freed memory to the kernel; return whether there was any.

    After one photo of fifty megapixels glibc keeps half a gigabyte for later requests.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL("libc.so.6").malloc_trim(0))
    except (OSError, AttributeError):
        return False


def spare_what_is_loaded() -> None:
    """Let the collector of reference cycles pass over all objects that there are now, once it has looked at them.

    The libraries make nearly half a million objects that never go, and looking through them takes a fifth of a second.
    Objects that are passed over still go when nothing refers to them; a cycle of them goes at the next call of this.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    # Some libraries complain at the end of a process about objects of theirs that are left.
    atexit.unregister(gc.unfreeze)
    atexit.register(gc.unfreeze)
