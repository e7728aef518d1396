"""Work on all cores whose results come in order and whose memory stays flat."""

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
    """Do ``work`` on every item in threads, since decoders let other threads go on; yield results in order.

    Closing the generator waits for what has begun.
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(items)
        running: deque[Future[_Result]] = deque()
        try:
            # A bounded window ends early at a failure, however many items there are.
            running.extend(pool.submit(work, item) for item in islice(waiting, _WAITING_PER_WORKER * workers))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            for future in running:
                future.cancel()
