"""A real browser and a real server, both started once and stopped by their process ids."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cityseg.config.presets import preset
from cityseg.data.synthetic import synthesize
from cityseg.runs import create_run

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass
class Served:
    """A running Streamlit app: its address, and the file its log goes to."""

    address: str
    log: Path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium found on the path")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Start ``streamlit run`` for a script in a folder, with extra environment variables."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(script: Path, folder: Path, **environment: str) -> Served:
        port = _free_port()
        options = {
            "server.port": port,
            "server.address": "127.0.0.1",
            "server.headless": "true",
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
        }
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        log = folder / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", process)
        return Served(f"http://127.0.0.1:{port}", log)

    yield start
    for process in processes:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def serve_synthetic(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Served]:
    """Serve the app on a small synthetic dataset with the shipped models; equal requests share a server.

    ``runs`` names stopped runs of better-1 to list.
    """

    @functools.cache
    def start(frames: int = 3, size: tuple[int, int] = (64, 128), runs: tuple[str, ...] = ()) -> Served:
        folder = tmp_path_factory.mktemp("studio")
        synthesize(folder / "set", frames=frames, seed=5, size=size)
        for name in runs:
            create_run(preset("better-1"), name, folder / "runs").write_status(state="stopped")
        return serve(
            ROOT / "app.py",
            folder,
            CITYSEG_DATA=str(folder / "set"),
            CITYSEG_RUNS=str(folder / "runs"),
            CITYSEG_CACHE=str(folder / "cache"),
            OMP_NUM_THREADS="1",
        )

    return start


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the app ended before it served anything"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the app did not answer within 30 seconds")
