"""``python -m cityseg.keeper RUNS``: the process that watches over a queue while runs wait in it."""

from __future__ import annotations

import sys
from pathlib import Path

from cityseg import queue

if __name__ == "__main__":
    queue.keep(Path(sys.argv[1]))
