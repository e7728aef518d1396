"""The heartbeat of a run: a thread that renews its status while the rest of the process is busy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cityseg.jobs.liveness import HEARTBEAT_SECONDS
from cityseg.periodic import calling
from cityseg.runs import Run


@contextlib.contextmanager
def beating(run: Run) -> Iterator[None]:
    """Renew the run's heartbeat every few seconds inside the block, and never after it."""

    def beat() -> None:
        # A full disk ends the training with its own error.
        with contextlib.suppress(OSError):
            run.write_status()

    with calling(beat, HEARTBEAT_SECONDS, "heartbeat"):
        yield
