"""The queue: runs that wait for a slot, and are started in order as slots come free.

A run waits because its own folder says so; ``queue.json`` beside the folders adds the order and the number of slots.
Whoever notices a free slot calls ``advance``: the studio, the command line, and every training when it ends. All
changes are made under one lock, so that a run is started exactly once however many of them do so at a time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from cityseg.errors import TrainingError, UsageError
from cityseg.files import write_json
from cityseg.jobs import launcher
from cityseg.jobs.liveness import is_waiting, process_identity
from cityseg.runs import Run, find_run, list_runs, runs_root

MOST_SLOTS = 64
_ORDER, _LOCK, _KEEPER_LOCK, _LOG = "queue.json", "queue.lock", "keeper.lock", "queue.log"
_PATIENCE_SECONDS = 30.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Queue:
    """What trains and what waits.

    Attributes:
        slots: how many trainings may go on at once.
        running: ids of the runs that train, in a terminal too, newest first.
        starting: ids of the runs whose process is not at work yet; they take a slot all the same.
        waiting: ids of the runs that wait, the next one first.
    """

    slots: int
    running: tuple[str, ...]
    starting: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def free(self) -> int:
        """Number of slots that nothing takes; 0 where more runs go on than there are slots."""
        return max(0, self.slots - len(self.running) - len(self.starting))


def read(root: Path | None = None) -> Queue:
    """Return how the queue stands; without a readable ``queue.json`` there is one slot, and who came first is first."""
    settings = _settings(runs_root(root))
    running, starting, waiting = [], [], {}
    for run in list_runs(root):
        try:
            status = run.status()
        except UsageError:
            continue  # a damaged run is no reason to hold the others back
        if is_waiting(status):
            waiting[run.id] = status["enqueued"]
        elif status["state"] == "running":
            running.append(run.id)
        elif status["state"] == "queued":
            starting.append(run.id)
    placed = [run_id for run_id in dict.fromkeys(settings["order"]) if run_id in waiting]
    placed += sorted(waiting.keys() - set(placed), key=lambda run_id: (waiting[run_id], run_id))
    return Queue(settings["slots"], tuple(running), tuple(starting), tuple(placed))


def enqueue(runs: Sequence[Run], root: Path | None = None) -> None:
    """Put new, stopped or failed runs at the end of the line, all of them or none, and start what has a slot.

    Raises:
        UsageError: one of them is running, finished or in line already.
    """
    folder = runs_root(root)
    with _alone(folder):
        for run in runs:
            status = run.status()
            new = status["state"] == "queued" and not status.get("enqueued") and not status.get("launched")
            if not new and status["state"] not in ("stopped", "failed"):
                raise UsageError(f"{run.id}: expected a stopped or failed run, found it {status['state']}")
        fields = {"state": "queued", "launched": None, "pid": None, "error": None, "origin": launcher.origin()}
        now = time.time()
        for place, run in enumerate(runs):
            # A microsecond apart, they keep their order even where queue.json is lost.
            run.write_status(enqueued=now + place * 1e-6, **fields)
        queue = read(folder)
        last = [run.id for run in runs]
        _write(folder, queue.slots, [*(run_id for run_id in queue.waiting if run_id not in last), *last])
        _go_on(folder)


def advance(root: Path | None = None) -> None:
    """Start waiting runs while slots are free. Costs a look at the run folders where nothing waits.

    Raises:
        UsageError, TrainingError: the folder of runs cannot be written, or somebody keeps it locked.
    """
    folder = runs_root(root)
    if read(folder).waiting:
        with _alone(folder):
            _go_on(folder)


def claim(run: Run) -> None:
    """Make this process the one that trains a run, whether it stood in the queue or not.

    Raises:
        UsageError: another process trains it, or it is finished.
    """
    with _alone(run.folder.parent):
        state = run.status()["state"]
        if state == "running":
            raise UsageError(f"{run.id}: expected a run that is not going, found it running; stop it first")
        if state == "finished":
            raise UsageError(f"{run.id}: expected an unfinished run, found it finished; start a new one")
        run.write_status(
            state="running",
            enqueued=None,
            launched=None,
            pid=os.getpid(),
            process_start=process_identity(os.getpid()),
            host=socket.gethostname(),
            error=None,
        )


def move(run_id: str, position: int, root: Path | None = None) -> None:
    """Let a waiting run stand at ``position``, 1 being the next to start.

    Raises:
        UsageError: the run does not wait, or there is no such position.
    """
    folder = runs_root(root)
    find_run(run_id, root)
    with _alone(folder):
        queue = read(folder)
        _expect_waiting(queue, run_id, root)
        if not 1 <= position <= len(queue.waiting):
            raise UsageError(f"expected a position from 1 to {len(queue.waiting)}, found {position}")
        order = [other for other in queue.waiting if other != run_id]
        order.insert(position - 1, run_id)
        _write(folder, queue.slots, order)


def withdraw(run_ids: Sequence[str], root: Path | None = None) -> None:
    """Take waiting runs out of the line, all of them or none. They are stopped then: to be resumed, or deleted.

    Raises:
        UsageError: one of them does not wait.
    """
    folder = runs_root(root)
    runs = [find_run(run_id, root) for run_id in run_ids]
    with _alone(folder):
        queue = read(folder)
        for run in runs:
            _expect_waiting(queue, run.id, root)
        for run in runs:
            run.write_status(state="stopped", enqueued=None)
        _write(folder, queue.slots, [run_id for run_id in queue.waiting if run_id not in run_ids])


def set_slots(slots: int, root: Path | None = None) -> None:
    """Set how many trainings may go on at once, and start what has a slot now. What goes on already is left to.

    Raises:
        UsageError: not a number from 1 to ``MOST_SLOTS``.
    """
    if not 1 <= slots <= MOST_SLOTS:
        raise UsageError(f"expected 1 to {MOST_SLOTS} slots, found {slots}")
    folder = runs_root(root)
    with _alone(folder):
        _write(folder, slots, read(folder).waiting)
        _go_on(folder)


def delete(run: Run) -> None:
    """Remove a run for good; one that waits leaves the line.

    Raises:
        UsageError: it is running, or its process has just been started.
    """
    with _alone(run.folder.parent):
        status = run.status()
        if status["state"] == "queued" and status.get("launched"):
            raise UsageError(f"{run.id}: expected a run that has ended, found it beginning; stop it once it is running")
        run.delete()


def keep(root: Path, look_seconds: float = 1.0) -> None:
    """Start waiting runs as slots come free, until none waits; returns at once where another process does so.

    A training that is killed cannot start the next one, and no page may be open to notice. ``advance`` therefore starts
    a process that does nothing but this while runs wait.
    """
    keeper = filelock.FileLock(root / _KEEPER_LOCK, timeout=0)
    try:
        with _alone(root):
            keeper.acquire()
    except filelock.Timeout:
        return
    with contextlib.ExitStack() as kept:
        kept.callback(keeper.release)
        while root.is_dir():
            queue = read(root)
            if queue.free or not queue.waiting:
                with _alone(root):
                    _start_waiting(root)
                    if not read(root).waiting:
                        # Whoever adds a run after this moment finds no keeper and starts one.
                        kept.close()
                        return
            time.sleep(look_seconds)


def _go_on(folder: Path) -> None:
    """Start what has a slot; where runs still wait, see to it that somebody watches over them."""
    if not _start_waiting(folder):
        return
    try:
        with filelock.FileLock(folder / _KEEPER_LOCK, timeout=0):
            pass
        launcher.start_detached([str(folder.resolve())], folder / _LOG, module="cityseg.jobs.watcher")
    except filelock.Timeout:
        return  # somebody does already
    except OSError as error:
        _log.warning("no process could be started to watch over the queue: %s", error.strerror)


def _start_waiting(folder: Path) -> bool:
    """Start waiting runs while slots are free; returns whether some still wait."""
    queue = read(folder)
    starting = queue.waiting[: queue.free]
    for run_id in starting:
        launcher.start(Run(folder / run_id))
    if starting:
        _write(folder, queue.slots, queue.waiting[len(starting) :])
    return len(starting) < len(queue.waiting)


def _expect_waiting(queue: Queue, run_id: str, root: Path | None) -> None:
    if run_id in queue.waiting:
        return
    state = find_run(run_id, root).status()["state"]
    remedy = {"running": "; stop it instead", "queued": " and about to begin; stop it once it is running"}
    raise UsageError(
        f"{run_id}: expected a run that waits in the queue, found it {state.replace('queued', 'started')}"
        f"{remedy.get(state, '')}"
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let nobody else change the queue meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / _LOCK, timeout=_PATIENCE_SECONDS)
        lock.acquire()
    except filelock.Timeout:
        raise TrainingError(
            f"{folder / _LOCK}: expected the queue to be free within {_PATIENCE_SECONDS:g} seconds, found another "
            "process at it; try again"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder of runs that can be written, found {error.strerror}; choose another place "
            "with CITYSEG_RUNS"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _settings(folder: Path) -> dict[str, Any]:
    settings: dict[str, Any] = {"slots": 1, "order": []}
    with contextlib.suppress(OSError, ValueError):
        stored = json.loads((folder / _ORDER).read_text(encoding="utf-8"))
        sound = isinstance(stored, dict) and isinstance(stored.get("slots"), int)
        if sound and isinstance(stored.get("order"), list):
            settings = stored
    return settings


def _write(folder: Path, slots: int, order: Sequence[str]) -> None:
    write_json(folder / _ORDER, {"slots": slots, "order": list(order)})
