"""The queue: runs that wait for a slot and start in order as slots become free.

A run's own status marks it as waiting; ``queue.json`` beside the run folders adds the order and the number of slots.
The app, the command line and every training that ends call ``advance`` to fill free slots. All changes happen under one
lock, so that a run starts exactly once however many processes advance the queue at a time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import filelock
from pydantic import Field

from cityseg.documents import Document, check
from cityseg.errors import TrainingError, UsageError
from cityseg.files import read_json, write_json
from cityseg.jobs import launcher
from cityseg.jobs.liveness import is_waiting, process_identity
from cityseg.runs import Run, find_run, list_runs, runs_root

MOST_SLOTS = 64
_ORDER, _LOCK, _WATCHER_LOCK, _LOG = "queue.json", "queue.lock", "keeper.lock", "queue.log"
_LOCK_SECONDS = 30.0
_log = logging.getLogger(__name__)
_watchers: dict[str, int] = {}
"""The watcher that this process started last for each folder of runs: it needs seconds to take its lock."""


class _QueueFile(Document):
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS)]
    order: list[str]


@dataclass(frozen=True)
class Queue:
    """The state of the queue."""

    slots: int  # number of trainings that may run at once
    running: tuple[str, ...]  # ids of the running runs, including those started in a terminal, newest first
    starting: tuple[str, ...]  # ids of the runs whose process has not claimed them yet; they take a slot too
    waiting: tuple[str, ...]  # ids of the waiting runs, the next one first

    @property
    def free(self) -> int:
        """Number of free slots; 0 if more runs are running than there are slots."""
        return max(0, self.slots - len(self.running) - len(self.starting))


def read(root: Path | None = None) -> Queue:
    """Return the state of the queue; without a readable ``queue.json``, one slot and first in, first out."""
    settings = _settings(runs_root(root))
    running, starting, waiting = [], [], {}
    for run in list_runs(root):
        try:
            status = run.status()
        except UsageError:
            continue  # a damaged run must not block the others
        if is_waiting(status):
            waiting[run.id] = status["enqueued"]
        elif status["state"] == "running":
            running.append(run.id)
        elif status["state"] == "queued":
            starting.append(run.id)
    ordered = [run_id for run_id in dict.fromkeys(settings["order"]) if run_id in waiting]
    ordered += sorted(waiting.keys() - set(ordered), key=lambda run_id: (waiting[run_id], run_id))
    return Queue(settings["slots"], tuple(running), tuple(starting), tuple(ordered))


def enqueue(runs: Sequence[Run], root: Path | None = None) -> None:
    """Append new, stopped or failed runs to the queue, all or none, and start those with a free slot.

    Raises UsageError if one of them is running, finished or queued already.
    """
    folder = runs_root(root)
    with locked(folder):
        for run in runs:
            status = run.status()
            new = status["state"] == "queued" and not status.get("enqueued") and not status.get("launched")
            if not new and status["state"] not in ("stopped", "failed"):
                raise UsageError(f"{run.id}: expected a stopped or failed run, found it {status['state']}")
        fields = {"state": "queued", "launched": None, "pid": None, "error": None, "origin": launcher.origin()}
        now = time.time()
        for position, run in enumerate(runs):
            # A microsecond apart, they keep their order even if queue.json is lost.
            run.write_status(enqueued=now + position * 1e-6, **fields)
        queue = read(folder)
        last = [run.id for run in runs]
        _write(folder, queue.slots, [*(run_id for run_id in queue.waiting if run_id not in last), *last])
        _advance(folder)


def advance(root: Path | None = None) -> Queue:
    """Start waiting runs while slots are free, and return the queue. Only reads the run folders if none waits.

    Raises UsageError if the folder of runs cannot be written, TrainingError if another process keeps it locked.
    """
    folder = runs_root(root)
    queue = read(folder)
    if not queue.waiting:
        return queue
    with locked(folder):
        _advance(folder)
        return read(folder)


def claim(run: Run) -> None:
    """Make this process the one that trains a run, queued or not; UsageError if it is being trained or finished."""
    with locked(run.folder.parent):
        state = run.status()["state"]
        if state == "running":
            raise UsageError(f"{run.id}: expected a run that is not running, found it running; stop it first")
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
    """Move a waiting run to ``position``, 1 to start next; UsageError if it does not wait or for no such position."""
    folder = runs_root(root)
    find_run(run_id, root)
    with locked(folder):
        queue = read(folder)
        _expect_waiting(queue, run_id, root)
        if not 1 <= position <= len(queue.waiting):
            raise UsageError(f"expected a position from 1 to {len(queue.waiting)}, found {position}")
        order = [other for other in queue.waiting if other != run_id]
        order.insert(position - 1, run_id)
        _write(folder, queue.slots, order)


def withdraw(run_ids: Sequence[str], root: Path | None = None) -> None:
    """Stop waiting runs, which can then be resumed or deleted, all or none; UsageError if one of them does not wait."""
    folder = runs_root(root)
    runs = [find_run(run_id, root) for run_id in run_ids]
    with locked(folder):
        queue = read(folder)
        for run in runs:
            _expect_waiting(queue, run.id, root)
        for run in runs:
            run.write_status(state="stopped", enqueued=None)
        _write(folder, queue.slots, [run_id for run_id in queue.waiting if run_id not in run_ids])


def set_slots(slots: int, root: Path | None = None) -> None:
    """Set how many trainings run at once, 1 to ``MOST_SLOTS``, and start waiting runs that now have a slot.

    Running jobs are unaffected. Raises UsageError for another number.
    """
    if not 1 <= slots <= MOST_SLOTS:
        raise UsageError(f"expected 1 to {MOST_SLOTS} slots, found {slots}")
    folder = runs_root(root)
    with locked(folder):
        _write(folder, slots, read(folder).waiting)
        _advance(folder)


def delete(run: Run) -> None:
    """Delete a run, waiting, ended or damaged; UsageError if it is running or its process has just been started."""
    starting = ""
    with locked(run.folder.parent):
        # A damaged run can be deleted, too.
        with contextlib.suppress(UsageError):
            status = run.status()
            if status["state"] == "queued" and status.get("launched"):
                starting = f"{run.id}: expected a run that has ended, found it starting; stop it once it is running"
        if starting:
            raise UsageError(starting)
        run.delete()


def watch(root: Path, poll_seconds: float = 1.0) -> None:
    """Start waiting runs as slots become free, until none waits; returns at once if another process does so.

    A killed training cannot start the next one, and no page may be open to advance the queue. ``advance`` therefore
    starts a process that does nothing but this while runs wait.
    """
    watcher = filelock.FileLock(root / _WATCHER_LOCK, timeout=0)
    try:
        with locked(root):
            watcher.acquire()
    except filelock.Timeout:
        return
    with contextlib.ExitStack() as held:
        held.callback(watcher.release)
        while root.is_dir():
            queue = read(root)
            if queue.free or not queue.waiting:
                with locked(root):
                    _start_waiting(root)
                    if not read(root).waiting:
                        # A process that adds a run after this finds no watcher and starts one.
                        held.close()
                        return
            time.sleep(poll_seconds)


def _advance(folder: Path) -> None:
    """Start the runs that have a slot; if others still wait, make sure that a watcher runs."""
    watched = str(folder.resolve())
    if not _start_waiting(folder) or process_identity(_watchers.get(watched)) is not None:
        return
    try:
        with filelock.FileLock(folder / _WATCHER_LOCK, timeout=0):
            pass
        _watchers[watched] = launcher.start_detached([watched], folder / _LOG, module="cityseg.jobs.queue_watcher")
    except filelock.Timeout:
        return  # a watcher runs already
    except OSError as error:
        _log.warning("no process could be started to watch the queue: %s", error.strerror)


def _start_waiting(folder: Path) -> bool:
    """Start waiting runs while slots are free; returns whether some still wait."""
    queue = read(folder)
    started: list[str] = []
    for run_id in queue.waiting:
        if len(started) == queue.free:
            break
        try:
            launcher.start(Run(folder / run_id))
            started.append(run_id)
        except (OSError, UsageError) as error:  # a run that cannot be written must not block the others
            _log.warning("%s cannot be started: %s", run_id, error)
    left = [run_id for run_id in queue.waiting if run_id not in started]
    if started:
        _write(folder, queue.slots, left)
    return bool(left)


def _expect_waiting(queue: Queue, run_id: str, root: Path | None) -> None:
    if run_id in queue.waiting:
        return
    state = find_run(run_id, root).status()["state"]
    remedy = {"running": "; stop it instead", "queued": " and about to run; stop it once it is running"}
    raise UsageError(
        f"{run_id}: expected a run that waits in the queue, found it {state.replace('queued', 'started')}"
        f"{remedy.get(state, '')}"
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the queue."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / _LOCK, timeout=_LOCK_SECONDS)
        lock.acquire()
    except filelock.Timeout:
        raise TrainingError(
            f"{folder / _LOCK}: expected the queue to be unlocked within {_LOCK_SECONDS:g} seconds, found another "
            "process using it; try again"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a writable folder of runs, found {error.strerror}; choose another with CITYSEG_RUNS"
        ) from None
    try:
        yield
    except filelock.Timeout:  # an OSError, of another lock
        raise
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: expected a folder of runs to write to, found {error.strerror or error}; "
            "change that or choose another with CITYSEG_RUNS"
        ) from None
    finally:
        lock.release()


def _settings(folder: Path) -> dict[str, Any]:
    settings: dict[str, Any] = {"slots": 1, "order": []}
    try:
        stored = read_json(folder / _ORDER)
        check(_QueueFile, stored)
        settings = stored
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        _log.warning("%s is damaged (%s): one slot, first in, first out", folder / _ORDER, error)
    return settings


def _write(folder: Path, slots: int, order: Sequence[str]) -> None:
    write_json(folder / _ORDER, {"slots": slots, "order": list(order)})
