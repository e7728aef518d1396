"""One writer at a time in a folder of caches, and sentences for a disk that takes no more."""

from __future__ import annotations

import errno
import logging
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from cityseg.errors import DataError

UNFINISHED = ".part"
"""Ending of a folder that is being filled."""

_LOCKS = ".locks"
_MARGIN_BYTES = 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_log = logging.getLogger(__name__)


@contextmanager
def alone(root: Path, name: str) -> Iterator[None]:
    """Keep other processes and threads from the cache ``name``, and remove what dead ones left unfinished.

    Waits while somebody else is inside, and logs that it does. The lock ends with its process, however that ends.

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
            _remove_if_left(unfinished, locks, name)
        yield
    finally:
        lock.release()


def _remove_if_left(unfinished: Path, locks: Path, own: str) -> None:
    owner = unfinished.name.removesuffix(UNFINISHED)
    try:
        if owner == own:
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            with filelock.FileLock(locks / owner, timeout=0):
                shutil.rmtree(unfinished, ignore_errors=True)
    except filelock.Timeout:
        return


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn what the system says about a cache that cannot be written into a sentence.

    Raises:
        DataError: instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        found = "the disk full" if error.errno in _FULL else error.strerror
        raise DataError(
            f"{root}: expected a place to write the cache to, found {found}; choose another place with CITYSEG_CACHE "
            "or free some space"
        ) from None


def expect_room(root: Path, size: int) -> None:
    """Check that ``size`` bytes and a little more are free where ``root`` lies.

    Raises:
        DataError: there is less.
    """
    needed, free = size + _MARGIN_BYTES, shutil.disk_usage(root).free
    if free < needed:
        wanted, found = _in_words(needed, math.ceil), _in_words(free, math.floor)
        raise DataError(
            f"{root}: expected {wanted} free for the cache, found {found}; choose another place with CITYSEG_CACHE or "
            "free some space"
        )


def _in_words(size: int, rounded: Callable[[float], int]) -> str:
    # Rounded towards each other, needed and free space could read the same.
    unit, name = (1e9, "GB") if size >= 1e9 else (1e6, "MB")
    return f"{rounded(10 * size / unit) / 10:.1f} {name}"
