"""Parallel map over all cores with ordered results and bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_WAITING_PER_WORKER = 4
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def on_all_cores(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Generator[_Result, None, None]:
    """Apply ``work`` to every item in threads (decoders release the GIL) and yield the results in order.

    Closing the generator waits for the calls in progress.
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(items)
        running: deque[Future[_Result]] = deque()
        try:
            # A bounded window stops soon after an error, however many items there are.
            running.extend(pool.submit(work, item) for item in islice(waiting, _WAITING_PER_WORKER * workers))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            for future in running:
                future.cancel()
