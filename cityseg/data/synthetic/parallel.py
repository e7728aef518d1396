"""Draws the frames of a set, in this process or in several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cityseg
from cityseg.data.synthetic.files import Planned, write
from cityseg.data.synthetic.scene import render
from cityseg.data.synthetic.weather import Daytime, Weather


def draw(
    root: Path, planned: list[Planned], size: tuple[int, int], weather: Weather | None, daytime: Daytime | None
) -> Iterator[None]:
    """Draw and write frames one after the other; yields after each."""
    for frame in planned:
        write(root, frame, render(frame.seed, size=size, weather=weather, daytime=daytime))
        yield


def draw_in_parallel(
    root: Path,
    planned: list[Planned],
    size: tuple[int, int],
    weather: Weather | None,
    daytime: Daytime | None,
    workers: int,
) -> Iterator[None]:
    """Like ``draw``, by several processes.

    They are started afresh: forking a process that holds threads (a training run, an app) can hang, and
    multiprocessing's own way of starting one would run the app's script once more in each.

    Raises:
        OSError: a file could not be written.
    """
    answers, told = os.pipe()
    package = str(Path(cityseg.__file__).resolve().parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for index in range(workers):
            process = subprocess.Popen(
                [sys.executable, "-m", "cityseg.data.synthetic.worker"],
                stdin=subprocess.PIPE,
                stdout=told,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
            started.append(process)
            order = {
                "root": str(root.resolve()),
                "frames": planned[index::workers],
                "size": size,
                "weather": weather,
                "daytime": daytime,
            }
            assert process.stdin is not None
            with process.stdin as stdin:
                stdin.write(json.dumps(order).encode())
        os.close(told)
        told = -1
        while done := os.read(answers, 4096):
            yield from [None] * len(done)
        for process in started:
            _check(process)
    finally:
        for descriptor in (answers, told):
            if descriptor >= 0:
                os.close(descriptor)
        for process in started:
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()


def _check(process: subprocess.Popen[bytes]) -> None:
    """Raise what made a worker fail."""
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    if process.wait() == 0:
        return
    try:
        failure: dict[str, Any] = json.loads(said)
    except ValueError:
        raise RuntimeError(f"a drawing process ended with code {process.returncode}: {said}") from None
    raise OSError(failure["number"], failure["reason"], failure["path"])
