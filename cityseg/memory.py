"""Exhausted memory as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cityseg.errors import OutOfMemory

_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "Unable to allocate",
    "ALLOC_FAILED",
    "could not create a primitive",
    "bad_alloc",
)
"""Messages of PyTorch's allocators, NumPy, cuDNN, oneDNN and the system, which raise errors of many types."""


def is_exhausted(error: BaseException) -> bool:
    """Whether an exception of Python or a library, not an error of the project, means that memory is exhausted."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(words in str(error) for words in _WORDS)


@contextmanager
def enough_memory(purpose: str, remedy: str) -> Iterator[None]:
    """Raise OutOfMemory, with what the memory was for and what to do, where it is exhausted inside the block.

    Usable as a decorator too.
    """
    try:
        yield
    except Exception as error:
        if not is_exhausted(error):
            raise
        raise OutOfMemory(f"expected enough memory {purpose}, found it exhausted; {remedy}") from error
