"""Preparation of a dataset as a process of its own, with a record beside the caches that anyone can follow and stop."""

from __future__ import annotations

import hashlib

from cityseg.api.data.connect import connect
from cityseg.api.data.prepare import STATISTICS_SIZE, prepare
from cityseg.data.dataset import Split, default_data
from cityseg.data.prepared.cache import CachedSplit, cache_root
from cityseg.data.prepared.cache_lock import write_errors
from cityseg.jobs import launcher
from cityseg.jobs.record import JobRecord, JobStatus
from cityseg.progress import OnProgress
from cityseg.text import home_expanded


def start_preparation(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, skip_bad: bool = False
) -> JobStatus:
    """Start ``cityseg data prepare`` as a process of its own, unless one is running already."""
    spec = spec or default_data()
    if spec != "synthetic":
        connect(spec)
    record = _record(spec, size)
    with write_errors(record.path.parent), record.locked():
        status = record.read()
        if status is None or status.state != "running":
            command = ["data", "prepare", "--data", spec, "--size", f"{size[0]}x{size[1]}"]
            record.begin(launcher.start_detached([*command, *(["--skip-bad"] if skip_bad else [])], record.log))
            status = JobStatus("running", 0, 0, None, None)
    return status


def find_preparation(spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE) -> JobStatus | None:
    """Return the state of the latest preparation of a dataset at ``size``, or None if there never was one."""
    return _record(spec or default_data(), size).read()


def stop_preparation(spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE) -> None:
    """Ask a running preparation to end; finished splits are kept. Does nothing unless it runs on this machine."""
    _record(spec or default_data(), size).stop()


def prepare_recorded(
    spec: str | None = None,
    size: tuple[int, int] = STATISTICS_SIZE,
    on_progress: OnProgress | None = None,
    skip_bad: bool = False,
) -> dict[Split, CachedSplit]:
    """Run ``api.prepare`` in this process, recorded for ``find_preparation``; SIGTERM and Ctrl-C stop it.

    Raises:
        Stopped: a request to stop; finished splits are kept.
    """
    spec = spec or default_data()
    record = _record(spec, size)

    def note(done: int, total: int) -> None:
        record.note("", done, total)
        if on_progress:
            on_progress(done, total)

    with record.recorded(lambda name: f"{spec}: stopped by {name} before it was prepared; finished splits are kept"):
        return prepare(spec, size, note, skip_bad)


def _record(spec: str, size: tuple[int, int]) -> JobRecord:
    place = spec if spec == "synthetic" else str(home_expanded(spec).resolve())
    name = f"preparation-{size[0]}x{size[1]}-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
    root = cache_root()
    return JobRecord(root / f"{name}.json", root / f"{name}.log", root / ".locks" / name, "preparation")
