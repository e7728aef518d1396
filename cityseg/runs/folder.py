"""One run folder: its files, read and written."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cityseg import config as configuration
from cityseg.errors import DataError, TrainingError, UsageError
from cityseg.files import read_json, write_arrays, write_json, write_text
from cityseg.jobs.liveness import is_alive, is_waiting, may_begin

State = Literal["queued", "running", "finished", "stopped", "failed"]
_NEVER_STARTED = "the training process never started; see log.txt"
_DIED = "the training process ended without recording why; see the end of log.txt"
_STATUS_LOCK = threading.Lock()


@dataclass(frozen=True)
class Detail:
    """Measurements of a pass over a split, besides the confusion matrices."""

    boundary: np.ndarray  # (N, 19, 3) int64 pixel counts near contours, see ``metrics.boundary``
    calibration: np.ndarray  # (19, 100, 3) int64 pixel counts by confidence, see ``metrics.calibration``
    light: np.ndarray  # (N, 2) float32 mean and standard deviation of each photo's luma, 0 to 255
    entropy: np.ndarray
    """(N,) float32 mean entropy of each frame's predictions, as a share of the largest possible entropy."""
    predicted: np.ndarray  # (N, 19) int64 pixel counts of each frame by predicted class, void included


@dataclass(frozen=True)
class SplitDetail(Detail):
    """Measurements of the best weights, as stored with a run."""

    frames: tuple[str, ...]  # names of the frames


@dataclass(frozen=True)
class FrameConfusions:
    """Per-frame confusion matrices of one split."""

    frames: tuple[str, ...]  # names of the frames
    matrices: np.ndarray  # (N, 19, 19) int64, rows = ground truth


class Run:
    """Access to one run folder. Reading never changes it; every file is written atomically."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    def exists(self) -> bool:
        """Whether the folder holds a run."""
        return (self.folder / "config.json").is_file()

    def expect_folder(self) -> None:
        """Raise TrainingError if the folder was deleted: writing would create a new one that is no run."""
        if not self.exists():
            raise TrainingError(
                f"{self.id}: expected the run's folder {self.folder}, found it deleted; start a new run"
            )

    def describe(self) -> dict[str, Any]:
        """Return ``config.json``: the config, the data with its fingerprints, versions, commit, host and device."""
        return _read_json(self.folder / "config.json")

    def write_description(self, description: dict[str, Any]) -> None:
        """Replace ``config.json``."""
        write_json(self.folder / "config.json", description)

    def config(self) -> configuration.ExperimentConfig:
        """Return the run's config."""
        return configuration.build(self.describe()["config"])

    def status(self) -> dict[str, Any]:
        """Return ``status.json``; the state is ``failed`` if the run's process died or never started."""
        status = _read_json(self.folder / "status.json")
        if status["state"] == "running" and not is_alive(status):
            status |= {"state": "failed", "error": _DIED}
        if status["state"] == "queued" and not is_waiting(status) and not may_begin(status):
            status |= {"state": "failed", "error": _NEVER_STARTED}
        return status

    def history(self) -> list[dict[str, Any]]:
        """Return the lines of ``history.jsonl``, without a last line that is still being written."""
        whole, _, _ = _read_text(self.folder / "history.jsonl").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def epochs(self) -> list[dict[str, Any]]:
        """Return the history's lines that close an epoch."""
        return [line for line in self.history() if line["kind"] == "epoch"]

    def confusions(self, split: str, which: Literal["best", "last"] = "best") -> FrameConfusions:
        """Read the per-frame matrices of a split; DataError if the run was not evaluated on it."""
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
        """Whether the run has been evaluated on that split."""
        return (self.folder / f"confusion-{split}.npz").is_file()

    def write_confusions(self, split: str, frames: tuple[str, ...], **matrices: np.ndarray) -> None:
        """Store (N, 19, 19) matrices under the names ``best`` and ``last``."""
        arrays: dict[str, Any] = {name: value.astype(np.uint32) for name, value in matrices.items()}
        write_arrays(self.folder / f"confusion-{split}.npz", frames=np.array(frames), **arrays)

    def detail(self, split: str) -> SplitDetail | None:
        """Return the detailed measurements on a split, or None if not evaluated."""
        try:
            with np.load(self.folder / f"detail-{split}.npz", allow_pickle=False) as stored:
                arrays = {field.name: stored[field.name] for field in fields(Detail)}
                return SplitDetail(frames=tuple(stored["frames"].tolist()), **arrays)
        except (FileNotFoundError, KeyError):
            return None

    def write_detail(self, split: str, frames: tuple[str, ...], **arrays: np.ndarray) -> None:
        """Store what ``detail`` returns."""
        write_arrays(self.folder / f"detail-{split}.npz", frames=np.array(frames), **arrays)

    def write_status(self, **fields: Any) -> None:
        """Update fields of ``status.json`` and its heartbeat."""
        # The heartbeat thread must not restore an older state.
        with _STATUS_LOCK:
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
        """Folder of the best weights on val; the run folder itself for a shipped model."""
        return self.folder / "best" if (self.folder / "best").is_dir() else self.folder

    @property
    def pretrained(self) -> dict[str, Path]:
        """Folder of the copied checkpoint of each setting that names a model, existing or not."""
        return {setting: self.folder / setting for setting in configuration.MODEL_REFERENCES}

    def probes(self) -> dict[str, list[Path]]:
        """Return the predictions of the probe frames by frame name, in epoch order: palette PNGs of train ids."""
        return {
            folder.name: sorted(folder.glob("epoch-*.png"))
            for folder in sorted((self.folder / "probes").glob("*"))
            if folder.is_dir()
        }

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of ``log.txt``."""
        return "\n".join(_read_text(self.folder / "log.txt").splitlines()[-lines:])

    def delete(self) -> None:
        """Remove the folder; UsageError for a run that is running."""
        if self.status()["state"] == "running":
            raise UsageError(f"{self.id}: expected a run that has ended, found it running; stop it first")
        shutil.rmtree(self.folder)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: expected a run folder, found no {path.name}") from None
    except ValueError:
        raise UsageError(f"{path}: expected a JSON object, found another file; delete the run or restore it") from None
