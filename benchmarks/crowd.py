"""Eight people at once, each with a photo of 1280x720: how long they wait for an answer, from sending to seeing.

    python -m benchmarks.crowd [--visitors N] [--rounds N] [--model NAME] [--json]

*demo* is ``/predict`` of a demo that runs as a process of its own, asked by gradio's own client: upload, prediction,
and every file of the answer downloaded again. *page* is the Predict page of a studio that runs as a process of its own,
in Chromium, a context for each visitor: from handing over the file to the overlay of that photo. In every round all
visitors begin together, each with a photo that nobody has sent before. The browser and the clients take their share of
the same processor. On a machine with other work, look at the server's processor time for an answer: with N cores, N
answers take that long at best.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cityseg.data.synthetic import render

SIZE = (720, 1280)
WANTED_SECONDS = 4.0
_ROOT = Path(__file__).parents[1]


def draw_photos(folder: Path, visitors: int, rounds: int) -> list[list[Path]]:
    """Draw a street, and shift its light a little for every visitor and round; returns photos by round."""
    street = render(0, size=SIZE, daytime="day").photo.astype(int)
    photos = []
    for turn in range(rounds):
        photos.append([folder / f"{turn}-{visitor}.jpg" for visitor in range(visitors)])
        for visitor, path in enumerate(photos[-1]):
            lighter = np.clip(street + turn * visitors + visitor, 0, 255).astype(np.uint8)
            Image.fromarray(lighter).save(path, quality=90)
    return photos


@contextmanager
def process(words: list[str], healthy: str) -> Iterator[int]:
    """Run ``python -m WORDS`` until the block ends; it begins when ``healthy`` answers. Gives the process's number."""
    started = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(healthy, started)
        yield started.pid
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(20)


def _wait_for(address: str, started: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if started.poll() is not None:
            raise SystemExit("the server ended before it answered")
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not answer within a minute")


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used so far, in seconds (Linux)."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def together(asks: list[Callable[[Path], object]], photos: list[list[Path]]) -> list[float]:
    """Let every visitor ask at the same moment, round after round; returns all waits in seconds."""
    waits: list[float] = []
    for turn in photos:
        gate = threading.Barrier(len(asks))

        def visit(ask: Callable[[Path], object], photo: Path, gate: threading.Barrier = gate) -> float:
            gate.wait()
            begun = time.perf_counter()
            ask(photo)
            return time.perf_counter() - begun

        with ThreadPoolExecutor(len(asks)) as crowd:
            waits += crowd.map(visit, asks, turn)
    return waits


def crowd_the_demo(visitors: int, rounds: int, model: str) -> tuple[list[float], float]:
    """Measure ``/predict``: all waits, and the server's processor seconds for all of them."""
    from gradio_client import Client, handle_file

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as scratch,
        process(["cityseg", "demo", "--model", model, "--port", str(port), "--examples", "0"], address) as server,
    ):
        photos = draw_photos(Path(scratch), visitors, rounds + 1)
        clients = [
            Client(address, verbose=False, analytics_enabled=False, download_files=f"{scratch}/{visitor}")
            for visitor in range(visitors)
        ]

        def asker(client: Client) -> Callable[[Path], object]:
            return lambda photo: client.predict(photo=handle_file(photo), api_name="/predict")

        asks = [asker(client) for client in clients]
        asks[0](photos[0][0])
        before = processor_seconds(server)
        return together(asks, photos[1:]), processor_seconds(server) - before


def crowd_the_page(visitors: int, rounds: int, model: str) -> tuple[list[float], float]:
    """Measure the Predict page; a wait ends when the viewer shows a photo under its new name and holds an overlay."""
    import asyncio

    return asyncio.run(_crowd_the_page(visitors, rounds, model))


async def _crowd_the_page(visitors: int, rounds: int, model: str) -> tuple[list[float], float]:
    import asyncio
    import shutil

    from playwright.async_api import async_playwright

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    options = ["--server.headless", "true", "--server.port", str(port), "--server.address", "127.0.0.1"]
    waits: list[float] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        process(["streamlit", "run", "app.py", *options], f"{address}/_stcore/health") as server,
    ):
        photos = draw_photos(Path(scratch), visitors, rounds + 1)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            )
            pages = [await (await browser.new_context()).new_page() for _ in range(visitors)]

            async def arrive(page: Any) -> None:
                await page.goto(f"{address}/predict?from=photos&model={model}", timeout=120_000)
                await page.locator("input[type=file]").first.wait_for(state="attached", timeout=120_000)

            async def ask(page: Any, photo: Path) -> float:
                begun = time.perf_counter()
                await page.locator("input[type=file]").first.set_input_files(str(photo))
                await page.locator(f"[aria-label*='photo {photo.stem} ']").first.wait_for(timeout=120_000)
                return time.perf_counter() - begun

            for page in pages:
                await arrive(page)
            await ask(pages[0], photos[0][0])
            before = processor_seconds(server)
            for turn in photos[1:]:
                waits += await asyncio.gather(*map(ask, pages, turn))
            used = processor_seconds(server) - before
            await browser.close()
    return waits, used


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="experiment-3")
    parser.add_argument("--only", choices=["demo", "page"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for name, measure in (("demo", crowd_the_demo), ("page", crowd_the_page)):
        if arguments.only in (None, name):
            waits, used = measure(arguments.visitors, arguments.rounds, arguments.model)
            results[name] = {
                "median_seconds": statistics.median(waits),
                "p95_seconds": float(np.percentile(waits, 95)),
                "longest_seconds": max(waits),
                "answers": len(waits),
                "server_processor_seconds_per_answer": used / len(waits),
            }
    if arguments.json:
        print(json.dumps(results))
        return
    for name, found in results.items():
        print(
            f"{name}: {found['answers']:.0f} answers, median {found['median_seconds']:.1f} s, 95 % within "
            f"{found['p95_seconds']:.1f} s (wanted {WANTED_SECONDS:.0f} s), longest {found['longest_seconds']:.1f} s; "
            f"the server's processor time per answer is {found['server_processor_seconds_per_answer']:.2f} s"
        )


if __name__ == "__main__":
    main()
