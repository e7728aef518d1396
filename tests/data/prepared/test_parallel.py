from __future__ import annotations

import os
import threading
import time
from contextlib import closing

import pytest

from cityseg.data.prepared.parallel import on_all_cores


def test_results_keep_the_order_of_items():
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3 == 0))
        return item * item

    assert list(on_all_cores(work, range(50))) == [item * item for item in range(50)]
    assert list(on_all_cores(work, [])) == []


def test_work_runs_on_several_threads():
    meeting = threading.Barrier(min(2, os.cpu_count() or 1))
    assert list(on_all_cores(lambda _: meeting.wait(timeout=30) >= 0, range(2))) == [True, True]


@pytest.mark.parametrize("end", ["failure", "closing"])
def test_no_call_starts_after_the_end(end):
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if end == "failure" and item == 3:
            raise ValueError("the third")
        return item

    with closing(on_all_cores(work, range(10_000))) as results:
        if end == "failure":
            with pytest.raises(ValueError, match="the third"):
                list(results)
        else:
            next(results)
    assert len(begun) < 100 + 10 * (os.cpu_count() or 1)
