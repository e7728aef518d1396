"""How fast synthetic streets are drawn, measured against work that no drawing program can leave out.

    python -m benchmarks.synthetic [--frames N] [--json]

The limit: a frame at 256x512 is painted on a canvas of 512x1024 pixels, which textured walls and crowns alone cover
about once, and its photo is finished in some 25 passes over three planes of 256x512; some 700 polygons come on top.
Two sides of that are measured here in the same run: encoding the frame's PNGs alone, and drawing a picture of noise
of the same size. All times are processor seconds of this process, so that other work on the machine counts as little
as it can; a figure is the mean over the frames of the fastest of several passes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cityseg.data.synthetic import Scene, render
from cityseg.data.synthetic.files import PlannedFrame, make_folders, plan, write

_SIZE = (256, 512)
_WARM_UP, _PASSES = 60, 4


def seconds(work: Callable[[PlannedFrame], object], planned: Sequence[PlannedFrame]) -> float:
    """Return the mean processor seconds of a frame, each at its fastest of several passes."""
    best = [float("inf")] * len(planned)
    for _ in range(_PASSES):
        for index, frame in enumerate(planned):
            begun = time.process_time()
            work(frame)
            best[index] = min(best[index], time.process_time() - begun)
    return sum(best) / len(best)


def measure(frames: int) -> dict[str, float]:
    """Draw, encode, and make noise."""
    planned = plan(frames, 0)
    # House fronts, crowns and noise tiles are drawn once in a process and then kept.
    begun = time.process_time()
    for seed in range(_WARM_UP):
        render(10**6 + seed, size=_SIZE)
    first = time.process_time() - begun
    scenes: dict[PlannedFrame, Scene] = {frame: render(frame.seed, size=_SIZE) for frame in planned}
    drawing = seconds(lambda frame: render(frame.seed, size=_SIZE), planned)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_folders(root, planned)
        encoding = seconds(lambda frame: write(root, frame, scenes[frame]), planned)
    noise = seconds(
        lambda frame: np.random.default_rng(frame.seed).integers(0, 256, (*_SIZE, 3), dtype=np.uint8), planned
    )
    return {
        "frames_per_cpu_second": 1 / (drawing + encoding),
        "drawing_seconds": drawing,
        "encoding_seconds": encoding,
        "noise_seconds": noise,
        "warm_up_seconds": max(0.0, first - _WARM_UP * drawing),
        "drawing_to_encoding": drawing / encoding,
        "drawing_to_noise": drawing / noise,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.frames)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24s}{value:10.4f}")


if __name__ == "__main__":
    main()
