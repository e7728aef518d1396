"""The record of a job that runs as a process of its own: a JSON status file that the job writes and anyone can follow.

Preflight checks, preparations of a dataset and videos are such jobs. Runs have a richer record of their own,
``cityseg.runs``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import filelock

from cityseg.documents import Count, Document, Seconds, check
from cityseg.errors import CitysegError, Stopped
from cityseg.files import read_json, write_json
from cityseg.jobs.liveness import is_alive, process_identity, runs_here, stop_process
from cityseg.jobs.signals import stop_signals

State = Literal["running", "finished", "stopped", "failed"]
_WRITE_SECONDS = 0.25
_SURE_STEPS, _SURE_SECONDS = 3, 1.0
"""Steps and seconds of a phase after which its pace predicts the time left."""


class _StatusFile(Document):
    state: State
    done: Count
    total: Count
    seconds_left: Seconds | None
    error: str | None
    stop_asked: bool
    heartbeat: Seconds
    phase: str = ""


@dataclass(frozen=True)
class JobStatus:
    """The state of a job."""

    state: State  # a job whose process has died is failed, never running
    done: int  # steps (or frames) of the current phase that are done
    total: int  # steps of the current phase, 0 before that is known
    seconds_left: float | None  # estimate for the current phase from its pace, None while it is too early to tell
    error: str | None  # why the job failed, in a sentence
    phase: str = ""  # the current phase, in a word or two
    result: Any = None  # the outcome as JSON values; while the job runs, the part that is known so far
    when: float = field(default=0.0, compare=False)  # time of the last update, seconds since 1970


class JobRecord:
    """The status file of one job.

    Args:
        path: the status file.
        log: the file that gets what the process prints.
        lock: the file that keeps two processes from starting or stopping the job at once.
        noun: the job in an error sentence, such as "preparation".
    """

    def __init__(self, path: Path, log: Path, lock: Path, noun: str) -> None:
        self.path, self.log, self._lock, self._noun = path, log, lock, noun
        self._owned = self._ended = False
        self._stop: Stopped | None = None
        self._written = self._begun = 0.0
        self._phase: tuple[str, int] | None = None
        self._first = self._last = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from starting or stopping this job."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._lock):
            yield

    def read(self) -> JobStatus | None:
        """Return the status, or None if the job was never started."""
        status = self._load()
        if status is None:
            return None
        state, error = status["state"], status["error"]
        if state == "running" and not is_alive(status):
            stopped = status["stop_asked"]
            state = "stopped" if stopped else "failed"
            noun = self._noun
            ended = f"{self.log}: expected a finished {noun}, found its process ended without a result; start it again"
            error = None if stopped else ended
        return JobStatus(
            state,
            status["done"],
            status["total"],
            status["seconds_left"],
            error,
            status.get("phase", ""),
            status.get("result"),
            status["heartbeat"],
        )

    def begin(self, pid: int, result: Any = None) -> None:
        """Record that process ``pid`` runs the job; ``result`` is what is known of its outcome before it starts."""
        started = {"pid": pid, "process_start": process_identity(pid), "host": socket.gethostname()}
        progress = {"phase": "", "done": 0, "total": 0, "seconds_left": None, "result": result, "error": None}
        self.update(state="running", stop_asked=False, **started, **progress)

    def stop(self) -> None:
        """Ask the job's process to end; does nothing unless it runs on this machine."""
        if self._load() is None:
            return
        with self.locked():
            status = self._load() or {}
            if status.get("state") == "running" and runs_here(status):
                self.update(stop_asked=True)
                stop_process(status)

    def note(self, phase: str, done: int, total: int, result: Any = None) -> None:
        """Record progress, a few times a second at most.

        Raises Stopped if the job was asked to stop, but the exception of the signal's handler was lost because it
        interrupted a finalizer or a library's callback.
        """
        if self._stop:
            raise self._stop
        now = time.monotonic()
        if (phase, total) != self._phase or done <= self._last:
            self._phase, self._first, self._begun = (phase, total), done, now
        elif now - self._written < _WRITE_SECONDS and done < total:
            self._last = done
            return
        self._last, self._written = done, now
        steps, seconds = done - self._first, now - self._begun
        sure = steps >= _SURE_STEPS and seconds >= _SURE_SECONDS
        self._tell(
            phase=phase,
            done=done,
            total=total,
            seconds_left=seconds / steps * (total - done) if sure else None,
            **({} if result is None else {"result": result}),
        )

    def finish(self, result: Any = None) -> None:
        """Record the outcome."""
        self._end(state="finished", **({} if result is None else {"result": result}))

    def fail(self, sentence: str) -> None:
        """Record why there is no outcome."""
        self._end(state="failed", error=sentence)

    @contextmanager
    def recorded(self, interrupted: Callable[[str], str], result: Any = None) -> Iterator[None]:
        """Record the final state of the job inside the block, unless another process runs the same job.

        ``interrupted`` makes the message of the ``Stopped`` that SIGTERM or Ctrl-C raises from the signal's name;
        ``result`` is as in ``begin``.
        """

        def stop(name: str) -> None:
            self._stop = Stopped(interrupted(name))
            raise self._stop

        with stop_signals(stop):
            with contextlib.suppress(OSError), self.locked():
                known, status = self.read(), self._load() or {}
                self._owned = known is None or known.state != "running" or status.get("pid") == os.getpid()
                if self._owned:
                    self.begin(os.getpid(), result)
            try:
                yield
            except Stopped:
                self._end(state="stopped")
                raise
            except CitysegError as error:
                self.fail(str(error))
                raise
            except BaseException as error:
                self.fail(f"{self.log}: expected no failure, found {error!r}")
                raise
            if not self._ended:
                self.finish()

    def update(self, **fields: Any) -> None:
        """Replace fields of the status file."""
        write_json(self.path, {**(self._load() or {}), **fields, "heartbeat": time.time()})

    def _end(self, **fields: Any) -> None:
        self._ended = True
        self._tell(seconds_left=None, **fields)

    def _tell(self, **fields: Any) -> None:
        # A full disk ends the job with its own error, not here.
        if self._owned:
            with contextlib.suppress(OSError):
                self.update(**fields)

    def _load(self) -> dict[str, Any] | None:
        """Return the stored status; None if there is none, or a damaged one, which counts as none."""
        try:
            stored = read_json(self.path)
            check(_StatusFile, stored)
            return stored
        except (OSError, ValueError):
            return None
