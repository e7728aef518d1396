"""Exclusive access to a cache folder, and errors for a full or read-only disk."""

from __future__ import annotations

import errno
import logging
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from cityseg.errors import DataError

UNFINISHED = ".part"
"""Suffix of a folder that is being written."""

_LOCKS = ".locks"
_MARGIN_BYTES = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEDY = "choose another place with CITYSEG_CACHE or free some space"
_log = logging.getLogger(__name__)


@contextmanager
def cache_lock(root: Path, name: str) -> Iterator[None]:
    """Hold the lock of the cache ``name``, and remove unfinished folders of dead processes.

    Waits, with a log message, while another process or thread holds the lock, which ends with its process.

    Raises:
        OSError: ``root`` cannot be written.
    """
    locks = root / _LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(locks / name)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        _log.warning("%s: another process or thread is preparing this cache; waiting for its result", root / name)
        lock.acquire()
    try:
        for unfinished in root.glob(f"*{UNFINISHED}"):
            owner = unfinished.name.removesuffix(UNFINISHED)
            owned = lock if owner == name else filelock.FileLock(locks / owner, timeout=0)
            with suppress(filelock.Timeout), owned:
                shutil.rmtree(unfinished, ignore_errors=True)
        yield
    finally:
        lock.release()


@contextmanager
def write_errors(root: Path) -> Iterator[None]:
    """Convert an OSError while writing a cache to a DataError."""
    try:
        yield
    except OSError as error:
        found = "the disk full" if error.errno in _FULL else error.strerror
        raise DataError(f"{root}: expected a writable folder for the cache, found {found}; {_REMEDY}") from None


def expect_room(root: Path, size: int) -> None:
    """Check that ``size`` bytes plus a margin of 1 MiB are free on the disk of ``root``.

    Raises:
        DataError: less is free.
    """
    needed, free = size + _MARGIN_BYTES, shutil.disk_usage(root).free
    if free < needed:
        wanted, found = _format_bytes(needed, math.ceil), _format_bytes(free, math.floor)
        raise DataError(f"{root}: expected {wanted} free for the cache, found {found}; {_REMEDY}")


def _format_bytes(size: int, rounded: Callable[[float], int]) -> str:
    # Rounded in opposite directions, needed and free space never look equal.
    unit, name = (1e9, "GB") if size >= 1e9 else (1e6, "MB")
    return f"{rounded(10 * size / unit) / 10:.1f} {name}"
