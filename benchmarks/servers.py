"""The studio's servers as processes of their own, and what they take."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[1]


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


@contextmanager
def studio() -> Iterator[tuple[str, int]]:
    """Run the app; gives its address and its process's number."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    options = ["--server.headless", "true", "--server.port", str(port), "--server.address", "127.0.0.1"]
    with process(["streamlit", "run", "app.py", *options], f"{address}/_stcore/health") as number:
        yield address, number


@contextmanager
def demo(model: str) -> Iterator[tuple[str, int]]:
    """Run the demo with one model; gives its address and its process's number."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    words = ["cityseg", "demo", "--model", model, "--port", str(port), "--examples", "0"]
    with process(words, address) as number:
        yield address, number


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


def memory(process: int | str = "self", name: str = "VmRSS") -> float:
    """Return the memory that a process holds now, or with ``VmHWM`` the most it ever held, in MiB (Linux)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
