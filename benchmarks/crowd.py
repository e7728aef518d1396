"""Concurrent users: waiting times of eight users who upload a 1280x720 photo at the same moment.

    python -m benchmarks.crowd [--visitors N] [--rounds N] [--model NAME] [--only demo|page] [--json]

*demo* measures ``/predict`` of the demo (``benchmarks.demo_visitor``): upload, prediction and download of all files.
*page* measures the Predict page (``benchmarks.visitor``) from the upload to the end of the page's run, all tabs
included; *seen* ends when the overlay's images have arrived; *first* is the first load of the page. Servers are
subprocesses and clients use no browser, which costs a fiftieth of the server's CPU time. All users of a round start
together, each with a new photo.

The target is 4 seconds for 95 % of the users. *limit* is the lower bound of a round's last answer: the CPU time of
decoding, forward pass and encoding of all photos (``benchmarks.predict``) on one thread, divided by the cores. On a
busy machine compare the server's CPU time per answer, which other load disturbs less.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
import typer
from PIL import Image

from benchmarks import predict, servers
from benchmarks.common import print_figures
from benchmarks.demo_visitor import DemoVisitor
from benchmarks.visitor import Visitor
from cityseg import api
from cityseg.cli.options import Json
from cityseg.data.synthetic import render

Client = TypeVar("Client")
Input = TypeVar("Input")
Output = TypeVar("Output")


def synthetic_photos(folder: Path, visitors: int, rounds: int) -> list[list[Path]]:
    """Write a photo per visitor and round, the same scene with different brightness; returns the paths by round."""
    scene = render(0, size=predict.SIZE, daytime="day").photo.astype(int)
    photos = [[folder / f"{turn}-{visitor}.jpg" for visitor in range(visitors)] for turn in range(rounds)]
    for shift, path in enumerate(path for turn in photos for path in turn):
        Image.fromarray(np.clip(scene + shift, 0, 255).astype(np.uint8)).save(path, quality=90)
    return photos


def together(
    request: Callable[[Client, Input], Output], clients: Sequence[Client], rounds: Sequence[Sequence[Input]]
) -> list[tuple[float, Output]]:
    """Send the requests of all clients at the same moment, round by round; returns waits in seconds and answers."""
    barrier = threading.Barrier(len(clients))

    def send(client: Client, value: Input) -> tuple[float, Output]:
        barrier.wait()
        start = time.perf_counter()
        answer = request(client, value)
        return time.perf_counter() - start, answer

    with ThreadPoolExecutor(len(clients)) as pool:
        return [answer for inputs in rounds for answer in pool.map(send, clients, inputs)]


def measure_demo(visitors: int, rounds: int, model: str) -> dict[str, dict[str, float]]:
    """Measure ``/predict``."""
    with tempfile.TemporaryDirectory() as scratch, servers.demo(model) as (address, pid):
        photos = synthetic_photos(Path(scratch), visitors, rounds + 1)
        crowd = [DemoVisitor(address, model) for _ in range(visitors)]
        together(_upload, crowd, photos[:1])
        before = servers.cpu_seconds(pid)
        waits = [wait for wait, _ in together(_upload, crowd, photos[1:])]
        return {"demo": summary(waits, servers.cpu_seconds(pid) - before)}


def measure_page(visitors: int, rounds: int, model: str) -> dict[str, dict[str, float]]:
    """Measure the Predict page: first loads, then uploads."""
    with tempfile.TemporaryDirectory() as scratch, servers.studio() as (address, pid):
        warm_up, *photos = synthetic_photos(Path(scratch), visitors, rounds + 1)
        query = f"from=photos&model={model}"
        first, *others = (Visitor(address, "predict", query) for _ in range(visitors * rounds + 1))
        first.open()
        _upload(first, warm_up[0])
        crowds = [others[turn * visitors : (turn + 1) * visitors] for turn in range(rounds)]
        before = servers.cpu_seconds(pid)
        loads = [wait for wait, _ in together(lambda _, visitor: visitor.open(), range(visitors), crowds)]
        results = {"first": summary(loads, servers.cpu_seconds(pid) - before)}
        for visitor in (first, *others[visitors:]):
            visitor.close()
        before = servers.cpu_seconds(pid)
        waits, answers = zip(*together(_upload, crowds[0], photos), strict=True)
        used = servers.cpu_seconds(pid) - before
    for photo, answer in zip((photo for turn in photos for photo in turn), answers, strict=True):
        if not any(f" {photo.stem} " in shown["alt"] for shown in answer.viewers()):
            raise SystemExit(f"the page has not shown {photo.name}")
    return {**results, "page": summary(waits, used), "seen": summary([answer.seen for answer in answers], used)}


def _upload(visitor: Any, photo: Path) -> Any:
    return visitor.upload(photo.name, photo.read_bytes())


def summary(waits: Sequence[float], used: float) -> dict[str, float]:
    """Return statistics of the waits, and the server's CPU time per answer, in seconds."""
    median, p95 = np.percentile(waits, (50, 95))
    return {
        "median_seconds": float(median),
        "p95_seconds": float(p95),
        "longest_seconds": max(waits),
        "answers": len(waits),
        "server_processor_seconds_per_answer": used / len(waits),
    }


def limit(visitors: int, model: str) -> float:
    """Return the lower bound of a round's last answer, in seconds; see the module's docstring."""
    torch.set_num_threads(1)
    _, bare = predict.sides(api.load_predictor(model), predict.synthetic_photo())
    bare()
    before = time.process_time()
    for _ in range(visitors):
        bare()
    return (time.process_time() - before) / (os.cpu_count() or 1)


def main(
    visitors: int = 8,
    rounds: int = 3,
    model: str = "experiment-3",
    only: Literal["demo", "page"] | None = None,
    as_json: Json = False,
) -> None:
    """Measure waiting times of concurrent users of the demo and of the Predict page."""
    least = limit(visitors, model)
    results: dict[str, dict[str, float]] = {}
    if only != "page":
        results |= measure_demo(visitors, rounds, model)
    if only != "demo":
        results |= measure_page(visitors, rounds, model)
    for figures in results.values():
        figures["p95_to_limit"] = figures["p95_seconds"] / least
    print_figures({"limit": {"seconds": least}, **results}, as_json)


if __name__ == "__main__":
    typer.run(main)
