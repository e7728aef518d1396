"""The run folder: the only truth about a run.

Shipped models in ``checkpoints/`` have the same shape, so whatever can be asked of a run can be asked of them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cityseg import config as configuration
from cityseg.errors import DataError, TrainingError, UsageError
from cityseg.files import write_atomically, write_json, write_text
from cityseg.jobs.liveness import is_alive, is_waiting, may_begin

State = Literal["queued", "running", "finished", "stopped", "failed"]
_NEVER_BEGAN = "the training process never began; log.txt holds what it said"
_WRITING = threading.Lock()


@dataclass(frozen=True)
class SplitDetail:
    """What was counted of the best weights on a split beside the matrices.

    Attributes:
        frames: names of the frames.
        boundary: (N, 19, 3) int64 pixels near contours, see ``metrics.boundary``.
        calibration: (19, 100, 3) int64 pixels by confidence, see ``metrics.calibration``.
        light: (N, 2) float32 mean and standard deviation of each photo's luma, 0 to 255.
        entropy: (N,) float32 mean entropy of each frame's predictions, as a share of the largest there can be.
        predicted: (N, 19) int64 pixels of each frame by predicted class, void included.
    """

    frames: tuple[str, ...]
    boundary: np.ndarray
    calibration: np.ndarray
    light: np.ndarray
    entropy: np.ndarray
    predicted: np.ndarray


_COUNTED = tuple(field.name for field in fields(SplitDetail) if field.name != "frames")


@dataclass(frozen=True)
class FrameConfusions:
    """Per-frame confusion matrices of one split.

    Attributes:
        frames: names of the frames.
        matrices: (N, 19, 19) int64, rows = truth.
    """

    frames: tuple[str, ...]
    matrices: np.ndarray


class Run:
    """A view on one run folder. Reading never changes it; writing is atomic per file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    def exists(self) -> bool:
        """Whether the folder is there and says what it is."""
        return (self.folder / "config.json").is_file()

    def expect_folder(self) -> None:
        """Ask before writing: files put into a deleted folder would make a new one that nobody could read.

        Raises:
            TrainingError: the folder is gone.
        """
        if not self.exists():
            raise TrainingError(
                f"{self.id}: expected the run's folder {self.folder}, found it deleted; start a new run"
            )

    def describe(self) -> dict[str, Any]:
        """Return ``config.json``: the description, the data fingerprints, versions, commit, host and device."""
        return _read_json(self.folder / "config.json")

    def config(self) -> configuration.ExperimentConfig:
        """Return the run's description."""
        return configuration.build(self.describe()["config"])

    def status(self) -> dict[str, Any]:
        """Return ``status.json``, with a dead process reported as failed."""
        status = _read_json(self.folder / "status.json")
        if status["state"] == "running" and not is_alive(status):
            status["state"] = "failed"
            status["error"] = "the training process ended without a word; log.txt holds its last lines"
        if status["state"] == "queued" and not is_waiting(status) and not may_begin(status):
            status["state"] = "failed"
            status["error"] = _NEVER_BEGAN
        return status

    def history(self) -> list[dict[str, Any]]:
        """Return the lines of ``history.jsonl``; a last line that is still being written is left out."""
        try:
            text = (self.folder / "history.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        whole, _, _ = text.rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def epochs(self) -> list[dict[str, Any]]:
        """Return the history's lines that close an epoch."""
        return [line for line in self.history() if line["kind"] == "epoch"]

    def confusions(self, split: str, which: Literal["best", "last"] = "best") -> FrameConfusions:
        """Read the per-frame matrices of a split.

        Raises:
            DataError: the run has not been evaluated on that split.
        """
        path = self.folder / f"confusion-{split}.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                key = which if which in stored else "best"
                return FrameConfusions(tuple(stored["frames"].tolist()), stored[key].astype(np.int64))
        except (FileNotFoundError, KeyError):
            raise DataError(
                f"{self.id}: expected results on the {split} split, found none; let the run finish an epoch first"
            ) from None

    def has_confusions(self, split: str) -> bool:
        """Whether ``confusions(split)`` has something to read."""
        return (self.folder / f"confusion-{split}.npz").is_file()

    def write_confusions(self, split: str, frames: tuple[str, ...], **matrices: np.ndarray) -> None:
        """Store (N, 19, 19) matrices under the names ``best`` and ``last``."""
        arrays: dict[str, Any] = {name: value.astype(np.uint32) for name, value in matrices.items()}
        _write_arrays(self.folder / f"confusion-{split}.npz", frames=np.array(frames), **arrays)

    def detail(self, split: str) -> SplitDetail | None:
        """Return what was counted on a split beside the matrices, or None where nobody did."""
        try:
            with np.load(self.folder / f"detail-{split}.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in _COUNTED}
                return SplitDetail(tuple(stored["frames"].tolist()), **arrays)
        except (FileNotFoundError, KeyError):
            return None

    def write_detail(self, split: str, frames: tuple[str, ...], **arrays: np.ndarray) -> None:
        """Store what ``detail`` returns."""
        _write_arrays(self.folder / f"detail-{split}.npz", frames=np.array(frames), **arrays)

    def write_status(self, **fields: Any) -> None:
        """Replace ``status.json`` with the old fields updated by ``fields`` and a fresh heartbeat."""
        # A heart that beats in a thread of its own must not bring an old state back.
        with _WRITING:
            try:
                status = _read_json(self.folder / "status.json")
            except UsageError:
                status = {}
            write_json(self.folder / "status.json", {**status, **fields, "heartbeat": time.time()})

    def append_history(self, **line: Any) -> None:
        """Add one line to ``history.jsonl``."""
        with (self.folder / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def truncate_history(self, step: int) -> None:
        """Drop the lines of ``history.jsonl`` that belong to later steps."""
        text = "".join(json.dumps(line) + "\n" for line in self.history() if line["step"] <= step)
        write_text(self.folder / "history.jsonl", text)

    @property
    def checkpoint(self) -> Path:
        """Folder of the weights to use: the best on val, or the folder itself for a shipped model."""
        return self.folder / "best" if (self.folder / "best").is_dir() else self.folder

    @property
    def given(self) -> dict[str, Path]:
        """Folders of the checkpoints that the run builds on, by the setting that names them, there or not."""
        return {setting: self.folder / setting for setting in configuration.MODEL_REFERENCES}

    def probes(self) -> dict[str, list[Path]]:
        """Return the probe predictions by frame name, in epoch order; palette PNGs of train ids."""
        return {
            folder.name: sorted(folder.glob("epoch-*.png"))
            for folder in sorted((self.folder / "probes").glob("*"))
            if folder.is_dir()
        }

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of ``log.txt``."""
        try:
            text = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def delete(self) -> None:
        """Remove the folder.

        Raises:
            UsageError: the run is still going.
        """
        if self.status()["state"] == "running":
            raise UsageError(f"{self.id}: expected a run that has ended, found it running; stop it first")
        shutil.rmtree(self.folder)


def runs_root(root: Path | None = None) -> Path:
    """Return the folder of all runs: the one named, else ``$CITYSEG_RUNS``, else ``runs``."""
    return root or Path(os.environ.get("CITYSEG_RUNS") or "runs")


def list_runs(root: Path | None = None) -> Iterator[Run]:
    """Yield the runs of a folder, newest first."""
    folders = [path.parent for path in runs_root(root).glob("*/config.json")]
    for folder in sorted(folders, key=lambda path: (path / "config.json").stat().st_mtime, reverse=True):
        yield Run(folder)


def find_run(run_id: str, root: Path | None = None) -> Run:
    """Return the run with this id.

    Raises:
        UsageError: there is none.
    """
    folder = runs_root(root) / run_id
    if Path(run_id).name != run_id or run_id == ".." or not (folder / "config.json").is_file():
        known = [run.id for run in list_runs(root)]
        raise UsageError(
            f"unknown run {run_id!r} in {runs_root(root)}: expected one of {', '.join(known[:8]) or 'none yet'}"
        )
    return Run(folder)


def create_run(
    config: configuration.ExperimentConfig, name: str = "", root: Path | None = None, taken: tuple[str, ...] = ()
) -> Run:
    """Make a new run folder with its ``config.json`` and a ``queued`` status.

    Args:
        config: the run's description.
        name: wish for the id; by default the preset's name and the time.
        root: folder of all runs.
        taken: names that would be confused with something else, such as shipped models.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    wish = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or f"{config.preset}-{stamp}"
    parent = runs_root(root)
    parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, 10_000):
        run_id = wish if attempt == 1 else f"{wish}-{attempt}"
        if run_id in taken:
            continue
        try:
            (parent / run_id).mkdir()
        except FileExistsError:
            continue
        run = Run(parent / run_id)
        write_json(run.folder / "config.json", {"config": config.model_dump(mode="json"), **surroundings()})
        run.write_status(state="queued", created=time.time())
        return run
    raise UsageError(f"{parent}: expected a free run name like {wish!r}, found thousands taken; choose another name")


def surroundings() -> dict[str, Any]:
    """Return what a result depends on besides its description: versions, commit, host."""
    import torch

    import cityseg

    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"cityseg": cityseg.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "git_commit": _git_commit(),
        "host": socket.gethostname(),
    }


def _git_commit() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: expected a run folder, found no {path.name}") from None
    except ValueError:
        raise UsageError(f"{path}: expected JSON, found a damaged file; delete the run or restore the file") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected a JSON object, found {type(values).__name__}")
    return values


def _write_arrays(path: Path, **arrays: Any) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_atomically(path, write)
