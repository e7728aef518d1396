"""Preparing a dataset as a process of its own, which anyone can follow and stop through a file beside the caches."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import filelock

from cityseg.progress import OnProgress
from cityseg.jobs import launcher
from cityseg.jobs.liveness import is_alive, process_identity
from cityseg.api.data.connect import connect
from cityseg.api.data.prepare import STATISTICS_SIZE, prepare
from cityseg.data.prepared.cache import CachedSplit, cache_root
from cityseg.data.prepared.cache_lock import writing
from cityseg.data.layouts.detect import Split, default_data
from cityseg.engine.runtime.signals import stop_signals
from cityseg.errors import CitysegError, Stopped
from cityseg.files import write_json

_WRITE_SECONDS = 0.25
_SURE_FRAMES, _SURE_SECONDS = 3, 1.0


@dataclass(frozen=True)
class Preparation:
    """How far the preparation of a dataset at one size is, or how it ended.

    Attributes:
        state: what it is doing; a process that has died is failed, never running.
        done: frames decoded so far.
        total: frames to decode in all, 0 before that is known.
        seconds_left: estimate from the pace so far, or None while it is too early to say.
        error: why it failed, in a sentence.
    """

    state: Literal["running", "finished", "failed", "stopped"]
    done: int
    total: int
    seconds_left: float | None
    error: str | None


def start_preparation(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, skip_bad: bool = False
) -> Preparation:
    """Start ``cityseg data prepare`` as a process of its own; one that is running already is left to go on.

    Raises:
        UsageError, DataError: the dataset cannot be connected, or the folder of the caches cannot be written.
    """
    if spec and spec != "synthetic":
        connect(spec)
    record = _Record(spec, size)
    with writing(record.path.parent), record.locked():
        preparation = record.read()
        if preparation is None or preparation.state != "running":
            command = ["data", "prepare", "--data", record.spec, "--size", f"{size[0]}x{size[1]}"]
            pid = launcher.start_detached([*command, *(["--skip-bad"] if skip_bad else [])], record.log)
            record.begin(pid)
            preparation = Preparation("running", 0, 0, None, None)
    return preparation


def find_preparation(spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE) -> Preparation | None:
    """Return the latest preparation of a dataset at ``size``, or None if there never was one."""
    return _Record(spec, size).read()


def stop_preparation(spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE) -> None:
    """Ask a running preparation to end; it leaves nothing unfinished. Does nothing where none runs on this machine."""
    record = _Record(spec, size)
    if record.read() is None:
        return
    with record.locked():
        status = record.status() or {}
        if status.get("state") == "running" and process_identity(status["pid"]) == status["process_start"]:
            record.update(stop_asked=True)
            with contextlib.suppress(ProcessLookupError):
                os.kill(status["pid"], signal.SIGTERM)


def prepare_on_record(
    spec: str | None = None,
    size: tuple[int, int] = STATISTICS_SIZE,
    on_progress: OnProgress | None = None,
    skip_bad: bool = False,
) -> dict[Split, CachedSplit]:
    """Do ``api.prepare`` in this process, for ``find_preparation`` to follow and SIGTERM or Ctrl-C to stop.

    Raises:
        Stopped: it was asked to stop; splits that were finished are kept.
        UsageError, DataError: what ``api.prepare`` refuses.
    """
    record = _Record(spec, size)

    def note(done: int, total: int) -> None:
        record.note(done, total)
        if on_progress:
            on_progress(done, total)

    with record.kept_true():
        return prepare(record.spec, size, note, skip_bad)


class _Record:
    """The file that tells how a preparation goes, one for each dataset and size."""

    def __init__(self, spec: str | None, size: tuple[int, int]) -> None:
        self.spec = spec or default_data()
        place = self.spec if self.spec == "synthetic" else str(Path(self.spec).expanduser().resolve())
        name = f"preparation-{size[0]}x{size[1]}-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
        self.path = cache_root() / f"{name}.json"
        self.log = cache_root() / f"{name}.log"
        self._owned = False
        self._stop: Stopped | None = None
        self._written = self._begun = 0.0
        self._first = self._last = (0, 0)

    @contextmanager
    def locked(self) -> Iterator[None]:
        locks = cache_root() / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(locks / self.path.stem):
            yield

    def status(self) -> dict[str, Any] | None:
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return values if isinstance(values, dict) else None

    def read(self) -> Preparation | None:
        """Return what the file says, with a dead process reported as such."""
        status = self.status()
        if status is None:
            return None
        state, error = status["state"], status["error"]
        if state == "running" and not is_alive(status):
            state = "stopped" if status["stop_asked"] else "failed"
            ended = (
                f"{self.log}: expected a finished preparation, found its process ended without a word; start it again"
            )
            error = None if status["stop_asked"] else ended
        return Preparation(state, status["done"], status["total"], status["seconds_left"], error)

    def begin(self, pid: int) -> None:
        self.update(
            state="running",
            pid=pid,
            process_start=process_identity(pid),
            host=socket.gethostname(),
            done=0,
            total=0,
            seconds_left=None,
            error=None,
            stop_asked=False,
        )

    def update(self, **fields: Any) -> None:
        write_json(self.path, {**(self.status() or {}), **fields, "heartbeat": time.time()})

    def note(self, done: int, total: int) -> None:
        """Keep progress, a few times a second at most."""
        if self._stop:  # raised by the handler already, but lost where that interrupted a library's callback
            raise self._stop
        now = time.monotonic()
        if done <= self._last[0] or total != self._last[1]:
            # Drawing has ended and decoding begins, or the other way about: a pace of its own.
            self._first, self._begun = (done, total), now
        self._last = (done, total)
        if now - self._written < _WRITE_SECONDS and done < total:
            return
        self._written = now
        frames, seconds = done - self._first[0], now - self._begun
        sure = frames >= _SURE_FRAMES and seconds >= _SURE_SECONDS
        left = seconds / frames * (total - done) if sure else None
        self._tell(done=done, total=total, seconds_left=left)

    @contextmanager
    def kept_true(self) -> Iterator[None]:
        """Keep the file true whatever happens inside, unless it speaks of another process that is at the same work."""

        def stop_now(name: str) -> None:
            self._stop = Stopped(f"{self.spec}: stopped by {name} before it was prepared; finished splits are kept")
            raise self._stop

        with stop_signals(stop_now):
            with contextlib.suppress(OSError), self.locked():
                known, status = self.read(), self.status() or {}
                self._owned = known is None or known.state != "running" or status.get("pid") == os.getpid()
                if self._owned:
                    self.begin(os.getpid())
            try:
                yield
            except Stopped:
                self._tell(state="stopped", seconds_left=None)
                raise
            except CitysegError as error:
                self._tell(state="failed", error=str(error), seconds_left=None)
                raise
            except BaseException as error:
                self._tell(state="failed", error=f"{self.log}: expected no failure, found {error!r}", seconds_left=None)
                raise
            self._tell(state="finished", seconds_left=None)

    def _tell(self, **fields: Any) -> None:
        # A disk that takes no more ends the preparation with its own sentence, not here.
        if self._owned:
            with contextlib.suppress(OSError):
                self.update(**fields)
