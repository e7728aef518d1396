"""Render part of a synthetic dataset: ``python -m cityseg.data.synthetic.worker``.

Reads the request as JSON from standard input, writes one byte to standard output per frame written, and reports a file
system error as JSON on standard error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from cityseg.data.synthetic.files import PlannedFrame
from cityseg.data.synthetic.parallel import render_frames


def main() -> int:
    """Render the requested frames and return the exit code."""
    request = json.load(sys.stdin)
    planned = [PlannedFrame(*frame) for frame in request["frames"]]
    rendered = render_frames(
        Path(request["root"]), planned, tuple(request["size"]), request["weather"], request["daytime"]
    )
    try:
        for _ in rendered:
            os.write(1, b".")
    except BrokenPipeError:
        # The parent process has gone.
        return 1
    except OSError as error:
        print(json.dumps({"number": error.errno, "reason": error.strerror, "path": error.filename}), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
