"""The queue in a real browser while others change it, with the process that watches over it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cityseg.config import presets
from cityseg.data.synthetic import synthesize
from cityseg.jobs import queue
from cityseg.jobs.liveness import process_identity
from cityseg.runs import create_run, find_run, provenance

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """A folder of runs whose one slot is taken by a process that only sleeps; what waits is withdrawn in the end."""
    root = tmp_path / "runs"
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    create_run(presets.preset("better-1"), "busy", root).write_status(
        state="running", pid=sleeper.pid, process_start=process_identity(sleeper.pid), host=provenance()["host"]
    )
    try:
        yield root
        queue.withdraw(queue.read(root).waiting, root)
    finally:
        sleeper.kill()
        sleeper.wait()


def test_the_queue_moves_on_in_place_and_a_tick_takes_nothing_away(
    browser: Any, serve: Callable[..., Any], runs: Path, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    synthesize(tmp_path / "set", frames=12, seed=5, size=(64, 128))
    studio = serve(
        ROOT / "app.py",
        tmp_path,
        CITYSEG_DATA=str(tmp_path / "set"),
        CITYSEG_RUNS=str(runs),
        CITYSEG_CACHE=str(tmp_path / "cache"),
        OMP_NUM_THREADS="1",
    )
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    try:
        page.goto(f"{studio.address}/train")
        page.get_by_text("Sweep: several runs at once").click(timeout=120_000)
        seeds = page.locator(".st-key-sweep_seeds input")
        seeds.fill("0, 1, 2")
        seeds.press("Enter")
        page.get_by_role("button", name="Add 3 runs to the queue").click(timeout=60_000)
        _expect_rows(page, ["busy", "1 better-1-sweep-1", "2 better-1-sweep-2", "3 better-1-sweep-3"])
        wait_until(lambda: _has_watcher(runs), 30)

        # Unsaved input survives a change of the order by another user.
        name = page.locator(".st-key-run_name input")
        name.fill("half a na")
        queue.move("better-1-sweep-3", 1, runs)
        _expect_rows(page, ["busy", "1 better-1-sweep-3", "2 better-1-sweep-1", "3 better-1-sweep-2"])
        assert name.input_value() == "half a na"

        page.locator(".st-key-queue_withdraw_better-1-sweep-1 button").first.click()
        _expect_rows(page, ["busy", "1 better-1-sweep-3", "2 better-1-sweep-2"])
        assert find_run("better-1-sweep-1", runs).status()["state"] == "stopped"
        queue.withdraw(queue.read(runs).waiting, runs)
        wait_until(lambda: not _has_watcher(runs), 120)
        assert page.locator("[data-testid=stException]").count() == 0
    finally:
        page.close()
    assert "most recent call last" not in studio.log.read_text()


def _expect_rows(page: Any, expected: list[str]) -> None:
    # A button with help stands in the page twice, once for fingers.
    page.wait_for_function(
        "expected => JSON.stringify([...document.querySelectorAll("
        "'[class*=st-key-queue_look_] [data-testid=stTooltipIcon] button')]"
        ".map(button => button.innerText.replace('play_arrow', '').trim())) === JSON.stringify(expected)",
        arg=expected,
        polling=200,
        timeout=60_000,
    )


def _has_watcher(runs: Path) -> bool:
    return any(
        str(runs).encode() in words and b"cityseg.jobs.queue_watcher" in words
        for pid in os.listdir("/proc")
        if pid.isdecimal()
        for words in [_command(pid)]
    )


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
