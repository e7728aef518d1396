"""Render the frames of a synthetic dataset in one or several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cityseg.data.synthetic.files import PlannedFrame, write
from cityseg.data.synthetic.scene import render
from cityseg.data.synthetic.weather import Daytime, Weather
from cityseg.studio_files import child_environment

_FRAMES_PER_WORKER = 32


def worker_count(frames: int) -> int:
    """Return how many processes pay off; each spends the time of about 20 frames on preparing its textures."""
    return max(1, min(os.cpu_count() or 1, frames // _FRAMES_PER_WORKER))


def render_frames(
    root: Path, planned: list[PlannedFrame], size: tuple[int, int], weather: Weather | None, daytime: Daytime | None
) -> Iterator[None]:
    """Render and write frames one by one; yields after each."""
    for frame in planned:
        write(root, frame, render(frame.seed, size=size, weather=weather, daytime=daytime))
        yield


def render_in_parallel(
    root: Path,
    planned: list[PlannedFrame],
    size: tuple[int, int],
    weather: Weather | None,
    daytime: Daytime | None,
    workers: int,
) -> Iterator[None]:
    """Like ``render_frames``, in several processes.

    These are started with ``subprocess``: forking a process with threads (a training run, an app) can hang, and
    multiprocessing's spawn would run the app's script again in each.

    Raises:
        OSError: a file could not be written.
    """
    progress_in, progress_out = os.pipe()
    started: list[subprocess.Popen[bytes]] = []
    try:
        for index in range(workers):
            process = subprocess.Popen(
                [sys.executable, "-m", "cityseg.data.synthetic.worker"],
                stdin=subprocess.PIPE,
                stdout=progress_out,
                stderr=subprocess.PIPE,
                env=child_environment(),
            )
            started.append(process)
            request = {
                "root": str(root.resolve()),
                "frames": planned[index::workers],
                "size": size,
                "weather": weather,
                "daytime": daytime,
            }
            assert process.stdin is not None
            with process.stdin as stdin:
                stdin.write(json.dumps(request).encode())
        os.close(progress_out)
        progress_out = -1
        while done := os.read(progress_in, 4096):
            yield from [None] * len(done)
        for process in started:
            _check(process)
    finally:
        for descriptor in (progress_in, progress_out):
            if descriptor >= 0:
                os.close(descriptor)
        for process in started:
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()


def _check(process: subprocess.Popen[bytes]) -> None:
    """Raise the error that made a worker fail, if any."""
    assert process.stderr is not None
    output = process.stderr.read().decode(errors="replace")
    if process.wait() == 0:
        return
    try:
        failure: dict[str, Any] = json.loads(output)
    except ValueError:
        raise RuntimeError(f"a rendering process ended with code {process.returncode}: {output}") from None
    raise OSError(failure["number"], failure["reason"], failure["path"])
