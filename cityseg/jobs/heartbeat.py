"""The heartbeat of a run: a thread that renews its status, whatever the rest of the process is busy with."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cityseg.jobs.liveness import HEARTBEAT_SECONDS
from cityseg.runs import Run


@contextmanager
def beating(run: Run) -> Iterator[None]:
    """Inside the block the run's heartbeat is never older than a few seconds; after it nothing is written any more."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            # A disk that takes no more ends the training with a sentence of its own.
            with contextlib.suppress(OSError):
                run.write_status()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
