"""Asking a run to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cityseg import distributed


class StopRequest:
    """A wish to stop, which any process of a run may hear and all of them grant after the same step."""

    def __init__(self) -> None:
        self._heard = 0

    def hear(self, name: str) -> None:
        """Take the name of a signal that this process got."""
        self._heard = signal.Signals[name].value

    def agreed(self) -> str | None:
        """Return the name of a signal that any process got, or None; all processes have to ask together."""
        number = distributed.largest(self._heard)
        return signal.Signals(number).name if number else None


@contextmanager
def stop_signals(ask: Callable[[str], None]) -> Iterator[None]:
    """Inside the block SIGTERM and SIGINT call ``ask`` with the signal's name instead of ending the process.

    Only a main thread can do so; in any other nothing changes.
    """

    def received(number: int, _: object) -> None:
        ask(signal.Signals(number).name)

    before: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                before[number] = signal.signal(number, received)
            except ValueError:
                break
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
