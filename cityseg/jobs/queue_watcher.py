"""``python -m cityseg.jobs.queue_watcher RUNS``: the process that watches a queue while runs wait in it."""

from __future__ import annotations

import sys
from pathlib import Path

from cityseg.jobs import queue

if __name__ == "__main__":
    queue.watch(Path(sys.argv[1]))
