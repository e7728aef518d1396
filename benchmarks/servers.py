"""The studio's servers as subprocesses, and their CPU time and memory."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cityseg.addresses import first_free

_ROOT = Path(__file__).parents[1]
_HOST, _PORT = "127.0.0.1", 8600


@contextmanager
def studio() -> Iterator[tuple[str, int]]:
    """Run the app; yields its URL and pid."""
    port = first_free(_HOST, _PORT)
    options = ["--server.headless", "true", "--server.port", str(port), "--server.address", _HOST]
    with _serve(["streamlit", "run", "app.py", *options], port, "/_stcore/health") as server:
        yield server


@contextmanager
def demo(model: str) -> Iterator[tuple[str, int]]:
    """Run the demo with one model; yields its URL and pid."""
    port = first_free(_HOST, _PORT)
    with _serve(["cityseg", "demo", "--model", model, "--port", str(port), "--examples", "0"], port) as server:
        yield server


@contextmanager
def _serve(arguments: list[str], port: int, health: str = "") -> Iterator[tuple[str, int]]:
    """Run ``python -m ARGUMENTS`` until the block ends, which starts once the path ``health`` answers."""
    command, address = [sys.executable, "-m", *arguments], f"http://{_HOST}:{port}"
    server = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(address + health, server)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("the server ended before it answered")
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not answer within a minute")


def cpu_seconds(pid: int) -> float:
    """Return the user and system CPU time of a process so far, in seconds."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory(pid: int | str = "self", name: str = "VmRSS") -> float:
    """Return a process's resident memory, or with ``VmHWM`` its peak, in MiB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0
