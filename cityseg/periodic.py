"""Work that repeats in a thread while a block runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def calling(work: Callable[[], None], seconds: float, name: str) -> Iterator[None]:
    """Call ``work`` every ``seconds`` in a thread of that name inside the block, and never after it.

    ``work`` handles its own exceptions; one that it raises ends the calls.
    """
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            work()

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
