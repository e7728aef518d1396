"""Rendering speed of the synthetic dataset against work that no renderer can avoid.

    python -m benchmarks.synthetic [--frames N] [--json]

The limit: a 256x512 frame is painted on a canvas of 512x1024 pixels, which textured walls and crowns alone cover about
once; its photo is finished in some 25 passes over three planes of 256x512, and some 700 polygons come on top. Two parts
of that are measured in the same run: encoding the frame's PNGs, and generating noise of the same size. All times are
CPU seconds of this process, the mean over frames of the fastest of several passes.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import typer

from cityseg.cli.options import Json
from cityseg.data.synthetic import render
from cityseg.data.synthetic.files import PlannedFrame, make_folders, plan, write

_SIZE = (256, 512)
_WARM_UP, _PASSES = 60, 4


def seconds(work: Callable[[PlannedFrame], object], planned: Sequence[PlannedFrame]) -> float:
    """Return the mean CPU seconds per frame, each frame at its fastest of several passes."""
    best = np.full(len(planned), np.inf)
    for _ in range(_PASSES):
        for index, frame in enumerate(planned):
            start = time.process_time()
            work(frame)
            best[index] = min(best[index], time.process_time() - start)
    return float(best.mean())


def measure(frames: int) -> dict[str, float]:
    """Measure rendering, encoding and noise."""
    planned = plan(frames, 0)
    # A process renders facades, crowns and noise tiles once and keeps them.
    start = time.process_time()
    for seed in range(_WARM_UP):
        render(10**6 + seed, size=_SIZE)
    first = time.process_time() - start
    scenes = {frame: render(frame.seed, size=_SIZE) for frame in planned}
    rendering = seconds(lambda frame: render(frame.seed, size=_SIZE), planned)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_folders(root, planned)
        encoding = seconds(lambda frame: write(root, frame, scenes[frame]), planned)
    noise = seconds(
        lambda frame: np.random.default_rng(frame.seed).integers(0, 256, (*_SIZE, 3), dtype=np.uint8), planned
    )
    return {
        "frames_per_cpu_second": 1 / (rendering + encoding),
        "drawing_seconds": rendering,
        "encoding_seconds": encoding,
        "noise_seconds": noise,
        "warm_up_seconds": max(0.0, first - _WARM_UP * rendering),
        "drawing_to_encoding": rendering / encoding,
        "drawing_to_noise": rendering / noise,
    }


def main(frames: int = 40, as_json: Json = False) -> None:
    """Measure the renderer and print CPU seconds per frame."""
    figures = measure(frames)
    print(json.dumps(figures) if as_json else "\n".join(f"{name:24s}{figures[name]:10.4f}" for name in figures))


if __name__ == "__main__":
    typer.run(main)
