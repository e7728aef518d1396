"""The trial folder: a short try of a recipe before its launch, which anyone can follow and stop through its file.

``runs/.trials/<kind>-<digest>/`` holds ``config.json`` (the recipe and the data), ``status.json`` (state, progress and
result in one file, replaced atomically) and ``log.txt``. The digest names what the outcome depends on, so that a
finished trial answers whoever asks again, on the page or on the command line.
"""

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
from typing import Any, Literal, get_args

import filelock

from cityseg import config as configuration
from cityseg.config import ExperimentConfig, affecting
from cityseg.errors import CitysegError, Stopped, UsageError
from cityseg.files import write_json
from cityseg.jobs.liveness import is_alive, process_identity
from cityseg.runs import runs_root

Kind = Literal["estimate", "overfit", "lr-find"]
State = Literal["running", "finished", "stopped", "failed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What can be tried; each is also the name of its verb."""

_FOLDER = ".trials"
_WRITE_SECONDS = 0.25
_SURE_STEPS, _SURE_SECONDS = 3, 1.0


@dataclass(frozen=True)
class Trial:
    """How a trial goes or how it ended.

    Attributes:
        kind: what is tried.
        state: what it is doing; a process that has died is failed, never running.
        phase: what is being done, in a word or two.
        done: steps, or frames, of this phase that are done.
        total: of how many, 0 before that is known.
        seconds_left: of this phase, estimated from its pace, or None while it is too early to say.
        result: the outcome as plain values; while it is running, what there is of it so far.
        error: why it failed, in a sentence.
        config: the recipe that was tried.
        data: what it was tried on, as ``--data`` names it.
        when: when it was last heard of, in seconds since 1970.
    """

    kind: Kind
    state: State
    phase: str
    done: int
    total: int
    seconds_left: float | None
    result: dict[str, Any] | None
    error: str | None
    config: ExperimentConfig
    data: str
    when: float


class TrialFolder:
    """The folder of one trial.

    Args:
        kind: what is tried.
        config: the recipe.
        data: the dataset, as ``--data`` names it.
        device: words for where it is computed.
        steps: how many steps were asked for, or None for as many as is usual.
        built_on: tells the weights of the models apart that the recipe names.
        runs: folder of all runs.
    """

    def __init__(
        self,
        kind: Kind,
        config: ExperimentConfig,
        data: str,
        device: str,
        *,
        steps: int | None = None,
        built_on: str = "",
        runs: Path | None = None,
    ) -> None:
        self.kind, self.config, self.data = kind, config, data
        place = data if data == "synthetic" else str(Path(data).expanduser().resolve())
        matters = config.model_dump(mode="json", include=affecting(kind))
        named = json.dumps([kind, matters, built_on, place, steps, socket.gethostname(), device], sort_keys=True)
        self.folder = _root(runs) / f"{kind}-{hashlib.sha256(named.encode()).hexdigest()[:16]}"
        self.log = self.folder / "log.txt"
        self.recipe = self.folder / "config.json"
        self._owned = False
        self._written = self._begun = 0.0
        self._first = (0, 0)
        self._phase = ""
        self._stop: Stopped | None = None

    def read(self) -> Trial | None:
        """Return what the folder says, or None if this was never tried."""
        return _read(self.folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from beginning or stopping this very trial meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.folder / ".lock"):
            yield

    def describe(self) -> None:
        """Write what is tried, for a process to read."""
        write_json(self.recipe, {"kind": self.kind, "config": self.config.model_dump(mode="json"), "data": self.data})

    def begin(self, pid: int) -> None:
        """Write that process ``pid`` is at it."""
        self._update(
            state="running",
            pid=pid,
            process_start=process_identity(pid),
            host=socket.gethostname(),
            phase="",
            done=0,
            total=0,
            seconds_left=None,
            result=None,
            error=None,
            stop_asked=False,
        )

    def stop(self) -> None:
        """Ask the process to end; does nothing where none is at it on this machine."""
        if self.read() is None:
            return
        with self.locked():
            status = _status(self.folder) or {}
            if status.get("state") == "running" and process_identity(status["pid"]) == status["process_start"]:
                self._update(stop_asked=True)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(status["pid"], signal.SIGTERM)

    def stop_now(self, sentence: str) -> None:
        """End the trial from a signal's handler.

        Raises:
            Stopped: at once; and from the next ``note`` again, since what a handler raises is lost where it interrupts
                a finalizer or a callback of a library.
        """
        self._stop = Stopped(sentence)
        raise self._stop

    def note(self, phase: str, done: int, total: int, result: dict[str, Any] | None = None) -> None:
        """Keep progress, a few times a second at most.

        Raises:
            Stopped: ``stop_now`` was called before and not heard.
        """
        if self._stop:
            raise self._stop
        now = time.monotonic()
        if phase != self._phase or done <= self._first[0]:
            self._phase, self._first, self._begun = phase, (done, total), now
        elif now - self._written < _WRITE_SECONDS and done < total:
            return
        self._written = now
        steps, seconds = done - self._first[0], now - self._begun
        sure = steps >= _SURE_STEPS and seconds >= _SURE_SECONDS
        self._tell(
            phase=phase,
            done=done,
            total=total,
            seconds_left=seconds / steps * (total - done) if sure else None,
            **({} if result is None else {"result": result}),
        )

    def finish(self, result: dict[str, Any]) -> None:
        """Keep the outcome."""
        self._tell(state="finished", seconds_left=None, result=result)

    def fail(self, sentence: str) -> None:
        """Keep why there is no outcome."""
        self._tell(state="failed", seconds_left=None, error=sentence)

    @contextmanager
    def kept_true(self) -> Iterator[None]:
        """Keep the folder true whatever happens inside, unless another process is at the same trial."""
        with contextlib.suppress(OSError), self.locked():
            known, status = self.read(), _status(self.folder) or {}
            self._owned = known is None or known.state != "running" or status.get("pid") == os.getpid()
            if self._owned:
                self.describe()
                self.begin(os.getpid())
        try:
            yield
        except Stopped:
            self._tell(state="stopped", seconds_left=None)
            raise
        except CitysegError as error:
            self.fail(str(error))
            raise
        except BaseException as error:
            self.fail(f"{self.log}: expected no failure, found {error!r}")
            raise

    def _tell(self, **fields: Any) -> None:
        # A disk that takes no more ends the trial with its own sentence, not here.
        if self._owned:
            with contextlib.suppress(OSError):
                self._update(**fields)

    def _update(self, **fields: Any) -> None:
        write_json(self.folder / "status.json", {**(_status(self.folder) or {}), **fields, "heartbeat": time.time()})


@contextmanager
def starting(runs: Path | None = None) -> Iterator[None]:
    """Keep others from starting a trial meanwhile, whatever its recipe."""
    root = _root(runs)
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / ".lock"):
        yield


def running_trials(runs: Path | None = None) -> list[Trial]:
    """Return the trials that some process is at, whatever their recipe."""
    found = (_read(path.parent) for path in sorted(_root(runs).glob("*/status.json")))
    return [trial for trial in found if trial is not None and trial.state == "running"]


def _root(runs: Path | None) -> Path:
    return runs_root(runs) / _FOLDER


def _read(folder: Path) -> Trial | None:
    status = _status(folder)
    if status is None:
        return None
    try:
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = configuration.build(described["config"])
    except (OSError, ValueError, KeyError, UsageError):
        # A recipe of another version, or a folder that someone has cleared: as if never tried.
        return None
    state, error = status["state"], status["error"]
    if state == "running" and not is_alive(status):
        state = "stopped" if status["stop_asked"] else "failed"
        ended = f"{folder / 'log.txt'}: expected a finished trial, found its process ended without a word; try again"
        error = None if status["stop_asked"] else ended
    return Trial(
        kind=described["kind"],
        state=state,
        config=config,
        data=described["data"],
        error=error,
        when=status["heartbeat"],
        **{name: status[name] for name in ("phase", "done", "total", "seconds_left", "result")},
    )


def _status(folder: Path) -> dict[str, Any] | None:
    try:
        values = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
