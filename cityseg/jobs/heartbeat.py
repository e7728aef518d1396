"""The heartbeat of a run: a thread that renews its status while the rest of the process is busy."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cityseg.jobs.liveness import HEARTBEAT_SECONDS
from cityseg.runs import Run


@contextmanager
def beating(run: Run) -> Iterator[None]:
    """Renew the run's heartbeat every few seconds inside the block, and never after it."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            # A full disk ends the training with its own error.
            with contextlib.suppress(OSError):
                run.write_status()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
