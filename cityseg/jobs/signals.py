"""Stop signals: SIGTERM and Ctrl-C as a request that the processes of a run grant together."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cityseg import distributed


class StopRequest:
    """A request to stop that any process of a run may receive; all of them stop after the same step."""

    def __init__(self) -> None:
        self._received = 0

    def hear(self, name: str) -> None:
        """Record the name of a signal that this process received."""
        self._received = signal.Signals[name].value

    def agreed(self) -> str | None:
        """Return the name of a signal that any process received, or None. Collective: every process must call it."""
        number = distributed.all_reduce_max(self._received)
        return signal.Signals(number).name if number else None


@contextmanager
def stop_signals(handler: Callable[[str], None]) -> Iterator[None]:
    """Call ``handler`` with the signal's name on SIGTERM and SIGINT inside the block, instead of ending the process.

    Signal handlers can be set from the main thread only; in other threads the block changes nothing.
    """

    def received(number: int, _: object) -> None:
        handler(signal.Signals(number).name)

    previous: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                previous[number] = signal.signal(number, received)
            except ValueError:
                break
        yield
    finally:
        for number, restored in previous.items():
            signal.signal(number, restored)
