"""Records of preflight checks: ``runs/.trials/<kind>-<digest>/`` with the config, the status and the log of each.

The digest names what the outcome depends on, so that a finished check answers whoever asks again, on the page or on the
command line.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import filelock

from cityseg import config as configuration
from cityseg.config import ExperimentConfig, affecting
from cityseg.documents import Document, check
from cityseg.errors import UsageError
from cityseg.files import read_json, write_json
from cityseg.jobs.record import JobRecord, JobStatus
from cityseg.runs import runs_root
from cityseg.text import home_expanded

CheckKind = Literal["estimate", "overfit", "lr-find"]
KINDS: tuple[CheckKind, ...] = get_args(CheckKind)
"""The preflight checks; each is also the name of its verb."""

_FOLDER = ".trials"


class _Description(Document):
    kind: CheckKind
    config: dict[str, Any]
    data: str


@dataclass(frozen=True, kw_only=True)
class PreflightCheck(JobStatus):
    """The state of a preflight check and what it checks."""

    kind: CheckKind
    config: ExperimentConfig
    data: str  # the dataset, as `--data` names it


class PreflightRecord(JobRecord):
    """The folder of one preflight check.

    ``device`` names the device that computes, ``steps`` is None for the default number of steps, and ``pretrained``
    changes with the weights of the models that the config names.
    """

    def __init__(
        self,
        kind: CheckKind,
        config: ExperimentConfig,
        data: str,
        device: str,
        *,
        steps: int | None = None,
        pretrained: str = "",
        runs: Path | None = None,
    ) -> None:
        self.kind, self.config, self.data = kind, config, data
        place = data if data == "synthetic" else str(home_expanded(data).resolve())
        matters = config.model_dump(mode="json", include=affecting(kind))
        named = json.dumps([kind, matters, pretrained, place, steps, socket.gethostname(), device], sort_keys=True)
        self.folder = _root(runs) / f"{kind}-{hashlib.sha256(named.encode()).hexdigest()[:16]}"
        self.config_file = self.folder / "config.json"
        super().__init__(*_files(self.folder))

    def check(self) -> PreflightCheck | None:
        """Return the state of the check, or None if it never ran."""
        return _read(self.folder)

    def describe(self) -> None:
        """Write the config and the data, for the job's process to read."""
        description = {"kind": self.kind, "config": self.config.model_dump(mode="json"), "data": self.data}
        write_json(self.config_file, description)

    def begin(self, pid: int, result: Any = None) -> None:
        """Record that process ``pid`` runs the check."""
        self.describe()
        super().begin(pid, result)


@contextmanager
def starting(runs: Path | None = None) -> Iterator[None]:
    """Keep other processes from starting any preflight check."""
    root = _root(runs)
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / ".lock"):
        yield


def running_checks(runs: Path | None = None) -> list[PreflightCheck]:
    """Return the checks that run now, of any config."""
    found = (_read(path.parent) for path in sorted(_root(runs).glob("*/status.json")))
    return [check for check in found if check is not None and check.state == "running"]


def _root(runs: Path | None) -> Path:
    return runs_root(runs) / _FOLDER


def _files(folder: Path) -> tuple[Path, Path, Path, str]:
    return folder / "status.json", folder / "log.txt", folder / ".lock", "check"


def _read(folder: Path) -> PreflightCheck | None:
    status = JobRecord(*_files(folder)).read()
    if status is None:
        return None
    try:
        described = read_json(folder / "config.json")
        check(_Description, described)
        config = configuration.build(described["config"])
    except (OSError, ValueError, UsageError):
        # A config of another version, or an emptied or damaged folder: as if it never ran.
        return None
    return PreflightCheck(**vars(status), kind=described["kind"], config=config, data=described["data"])
