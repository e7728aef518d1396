"""Eight people at once, each with a photo of 1280x720: how long they wait for an answer, from sending to seeing.

    python -m benchmarks.crowd [--visitors N] [--rounds N] [--model NAME] [--json]

*demo* is ``/predict`` of a demo that runs as a process of its own (``benchmarks.demo_visitor``): upload, prediction,
and every file of the answer downloaded again. *page* is the Predict page of a studio that runs as a process of its
own, asked by visitors that speak Streamlit's protocol without a browser (``benchmarks.visitor``): from handing over the
file to the end of the page's run, tabs and all; *seen* is the moment the overlay's pictures have come. *first* is the
load of that page by visitors who come at the same time. In every round all visitors begin together, each with a photo
that nobody has sent before. The clients take their share of the same processor, a fiftieth of the server's.

``limit`` is what cannot be saved: decoding, the bare forward pass and encoding (``benchmarks.predict``) of all photos
of a round, in processor time on one thread, shared by all cores; the last answer of a round cannot come sooner. On a
machine with other work, look at the server's processor time for an answer, which other work disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image

from benchmarks import predict, servers
from benchmarks.demo_visitor import DemoVisitor
from benchmarks.visitor import Visitor
from cityseg import api
from cityseg.data.synthetic import render

WANTED_SECONDS = 4.0
Asked = TypeVar("Asked")
Told = TypeVar("Told")


def draw_photos(folder: Path, visitors: int, rounds: int) -> list[list[Path]]:
    """Draw a street, and shift its light a little for every visitor and round; returns photos by round."""
    street = render(0, size=predict.SIZE, daytime="day").photo.astype(int)
    photos = []
    for turn in range(rounds):
        photos.append([folder / f"{turn}-{visitor}.jpg" for visitor in range(visitors)])
        for visitor, path in enumerate(photos[-1]):
            lighter = np.clip(street + turn * visitors + visitor, 0, 255).astype(np.uint8)
            Image.fromarray(lighter).save(path, quality=90)
    return photos


def together(asks: list[Callable[[Asked], Told]], turns: list[list[Asked]]) -> list[tuple[float, Told]]:
    """Let every visitor ask at the same moment, round after round; returns waits in seconds and what was answered."""
    found: list[tuple[float, Told]] = []
    for turn in turns:
        gate = threading.Barrier(len(asks))

        def visit(ask: Callable[[Asked], Told], what: Asked, gate: threading.Barrier = gate) -> tuple[float, Told]:
            gate.wait()
            begun = time.perf_counter()
            told = ask(what)
            return time.perf_counter() - begun, told

        with ThreadPoolExecutor(len(asks)) as crowd:
            found += crowd.map(visit, asks, turn)
    return found


def crowd_the_demo(visitors: int, rounds: int, model: str) -> dict[str, Any]:
    """Measure ``/predict``."""
    with tempfile.TemporaryDirectory() as scratch, servers.demo(model) as (address, server):
        photos = draw_photos(Path(scratch), visitors, rounds + 1)

        def asker(visitor: DemoVisitor) -> Callable[[Path], object]:
            return lambda photo: visitor.give(photo.name, photo.read_bytes())

        asks = [asker(DemoVisitor(address, model)) for _ in range(visitors)]
        together(asks, photos[:1])
        before = servers.processor_seconds(server)
        waits = [wait for wait, _ in together(asks, photos[1:])]
        return {"demo": summary(waits, servers.processor_seconds(server) - before)}


def crowd_the_page(visitors: int, rounds: int, model: str) -> dict[str, Any]:
    """Measure the Predict page: first visits, then uploads."""
    with tempfile.TemporaryDirectory() as scratch, servers.studio() as (address, server):
        photos = draw_photos(Path(scratch), visitors, rounds + 1)
        query = f"from=photos&model={model}"
        scout = Visitor(address, "predict", query)
        scout.arrive()
        scout.give("scout.jpg", photos[0][0].read_bytes())
        crowd = [[Visitor(address, "predict", query) for _ in range(visitors)] for _ in range(rounds)]
        before = servers.processor_seconds(server)
        first = [wait for visit in crowd for wait, _ in together([_arrive] * visitors, [visit])]
        used = servers.processor_seconds(server) - before
        found = {"first": summary(first, used)}
        for one in (scout, *(one for visit in crowd[1:] for one in visit)):
            one.leave()

        def giver(visitor: Visitor) -> Callable[[Path], float]:
            def give(photo: Path) -> float:
                answer = visitor.give(photo.name, photo.read_bytes())
                if not any(f" {photo.stem} " in shown["alt"] for shown in answer.viewers()):
                    raise SystemExit(f"the page has not shown {photo.name}")
                return answer.seen

            return give

        before = servers.processor_seconds(server)
        answers = together([giver(visitor) for visitor in crowd[0]], photos[1:])
        used = servers.processor_seconds(server) - before
        found["page"] = summary([wait for wait, _ in answers], used)
        found["seen"] = summary([seen for _, seen in answers], used)
        return found


def _arrive(visitor: Visitor) -> None:
    visitor.arrive()


def summary(waits: list[float], used: float) -> dict[str, float]:
    """Say how long waits were, and how much processor time the server took for one answer."""
    median, most = np.percentile(waits, (50, 95))
    return {
        "median_seconds": float(median),
        "p95_seconds": float(most),
        "longest_seconds": max(waits),
        "answers": len(waits),
        "server_processor_seconds_per_answer": used / len(waits),
    }


def limit(visitors: int, model: str) -> float:
    """Return the seconds that the photos of one round take at least; see above."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _, bare = predict.sides(api.load_predictor(model), predict.drawn())
        bare()
        before = time.process_time()
        for _ in range(visitors):
            bare()
        return (time.process_time() - before) / (os.cpu_count() or 1)
    finally:
        torch.set_num_threads(threads)


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="experiment-3")
    parser.add_argument("--only", choices=["demo", "page"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    least = limit(arguments.visitors, arguments.model)
    results: dict[str, dict[str, float]] = {}
    for name, measure in (("demo", crowd_the_demo), ("page", crowd_the_page)):
        if arguments.only in (None, name):
            results |= measure(arguments.visitors, arguments.rounds, arguments.model)
    for found in results.values():
        found["p95_to_limit"] = found["p95_seconds"] / least
    if arguments.json:
        print(json.dumps({"limit_seconds": least, **results}))
        return
    print(f"limit: {arguments.visitors} photos decoded, passed through the network and encoded in {least:.2f} s")
    for name, found in results.items():
        print(
            f"{name}: {found['answers']:.0f} answers, median {found['median_seconds']:.2f} s, 95 % within "
            f"{found['p95_seconds']:.2f} s (wanted {WANTED_SECONDS:.0f} s; {found['p95_to_limit']:.1f} times the "
            f"limit), longest {found['longest_seconds']:.2f} s; the server's processor time per answer is "
            f"{found['server_processor_seconds_per_answer']:.2f} s"
        )


if __name__ == "__main__":
    main()
