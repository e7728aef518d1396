"""Asking a run to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


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
