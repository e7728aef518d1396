"""Draws a share of a set in a process of its own: ``python -m cityseg.data.synthetic.worker``.

The order comes as JSON on standard input. One byte on standard output stands for each frame written. A failure of the
file system is told as JSON on standard error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from cityseg.data.synthetic.files import Planned
from cityseg.data.synthetic.parallel import draw


def main() -> int:
    """Read the order, draw, and tell how it went."""
    order = json.load(sys.stdin)
    planned = [Planned(*frame) for frame in order["frames"]]
    try:
        for _ in draw(Path(order["root"]), planned, tuple(order["size"]), order["weather"], order["daytime"]):
            os.write(1, b".")
    except BrokenPipeError:
        # Nobody waits for the set any more.
        return 1
    except OSError as error:
        print(json.dumps({"number": error.errno, "reason": error.strerror, "path": error.filename}), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
