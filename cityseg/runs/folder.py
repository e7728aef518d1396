"""One run folder: its files, read and written."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

import cityseg
from cityseg import config as configuration
from cityseg.documents import Document, check
from cityseg.errors import DataError, TrainingError, UsageError
from cityseg.files import (
    file_size,
    parse_json,
    read_json,
    read_text,
    remove_folder,
    write_arrays,
    write_json,
    write_text,
)
from cityseg.jobs.liveness import SILENCE_SECONDS, is_alive, is_waiting, may_begin, runs_here
from cityseg.runs.measurements import FrameConfusions, SplitDetail, expect_sound, read_confusions, read_detail
from cityseg.runs.records import Description, EpochLine, Status, StepLine

_NEVER_STARTED = "the training process never started; see log.txt"
_DIED = "the training process ended without recording why; see the end of log.txt"
_STATUS_LOCK = threading.Lock()
_RECORDS = ("config.json", "status.json", "history.jsonl", "best", "last", "previous")
_log = logging.getLogger(__name__)


class Run:
    """Access to one run folder. Reading never changes it; every file is written atomically.

    Args:
        folder: config, status, history and weights.
        counts: folder of the stored counts, if they were measured on other data than the run's own.
    """

    def __init__(self, folder: Path, counts: Path | None = None) -> None:
        self.folder = folder
        self.counts = counts or folder

    @property
    def id(self) -> str:
        """The folder's name, with ``@`` and the dataset's name if the counts were measured on other data."""
        return self.folder.name if self.counts == self.folder else f"{self.folder.name}@{self.counts.name}"

    def exists(self) -> bool:
        """Whether the folder holds a run that describes itself."""
        return os.path.isfile(self.folder / "config.json")

    def has_records(self) -> bool:
        """Whether the folder holds anything of a run, if only a part of a damaged one, or a link to no folder."""
        if not os.path.isdir(self.folder):
            return os.path.islink(self.folder)
        return any(os.path.lexists(self.folder / name) for name in _RECORDS) or not os.access(self.folder, os.X_OK)

    def expect_folder(self) -> None:
        """Raise TrainingError if the folder was deleted: writing would create a new one that is no run."""
        if not self.exists():
            raise TrainingError(
                f"{self.id}: expected the run's folder {self.folder}, found it deleted; start a new run"
            )

    def describe(self) -> dict[str, Any]:
        """Return ``config.json``: the config, the data with its fingerprints, versions, commit, host and device."""
        return _read_document(self.folder / "config.json", Description)

    def write_description(self, description: dict[str, Any]) -> None:
        """Replace ``config.json``."""
        write_json(self.folder / "config.json", description)

    def config(self) -> configuration.ExperimentConfig:
        """Return the run's config."""
        description = self.describe()
        try:
            return configuration.build(description["config"])
        except UsageError as error:
            raise UsageError(
                f"{self.folder / 'config.json'}: {error}{_newer(description) or '; restore it or delete the run'}"
            ) from None

    def status(self) -> dict[str, Any]:
        """Return ``status.json``; the state is ``failed`` if the run's process died or never started."""
        status = _read_document(self.folder / "status.json", Status)
        if status["state"] == "running" and not is_alive(status):
            status |= {"state": "failed", "error": _DIED}
        if status["state"] == "queued" and not is_waiting(status) and not may_begin(status):
            status |= {"state": "failed", "error": _NEVER_STARTED}
        return status

    def history(self) -> list[dict[str, Any]]:
        """Return the lines of ``history.jsonl``, without a last line that is still being written."""
        lines = []
        for number, line in enumerate(self._history_lines(), 1):
            try:
                lines.append(_history_line(line))
            except ValueError as error:
                raise DataError(
                    f"{self.folder / 'history.jsonl'}, line {number}: expected a record of a training, found "
                    f"{_shortened(error)}; remove the line, resume the run or delete it"
                ) from None
        return lines

    def _history_lines(self) -> list[str]:
        path = self.folder / "history.jsonl"
        try:
            return read_text(path).split("\n")[:-1]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None

    def epochs(self) -> list[dict[str, Any]]:
        """Return the history's lines that close an epoch."""
        return [line for line in self.history() if line["kind"] == "epoch"]

    def confusions(self, split: str, which: Literal["best", "last"] = "best") -> FrameConfusions:
        """Read the per-frame matrices of a split; DataError if the run was not evaluated on it, or for damage."""
        try:
            return read_confusions(self.counts / f"confusion-{split}.npz", which)
        except FileNotFoundError:
            raise DataError(
                f"{self.id}: expected results on the {split} split, found none; let the run finish an epoch first"
            ) from None

    def expect_measured(self, scores: Mapping[str, Any]) -> None:
        """Check that the stored counts are whole and of as many frames as the ``scores`` by split; DataError if not.

        Reads the headers of the files alone.
        """
        for split in ("val", "test"):
            frames = expect_sound(self.counts, split)
            scored = scores.get(split, {}).get("frames", frames)
            if frames is not None and frames != scored:
                raise DataError(
                    f"{self.folder / f'confusion-{split}.npz'}: expected the counts of {scored} frames, found those of "
                    f"{frames}; restore the file, or delete it and measure the model again"
                )

    def has_confusions(self, split: str) -> bool:
        """Whether the run has been evaluated on that split."""
        return os.path.isfile(self.counts / f"confusion-{split}.npz")

    def write_confusions(self, split: str, frames: tuple[str, ...], **matrices: np.ndarray) -> None:
        """Store (N, 19, 19) matrices under the names ``best`` and ``last``."""
        arrays: dict[str, Any] = {name: value.astype(np.uint32) for name, value in matrices.items()}
        write_arrays(self.counts / f"confusion-{split}.npz", frames=np.array(frames), **arrays)

    def detail(self, split: str) -> SplitDetail | None:
        """Return the detailed measurements on a split, or None if not evaluated; DataError for a damaged file."""
        return read_detail(self.counts / f"detail-{split}.npz")

    def write_detail(self, split: str, frames: tuple[str, ...], **arrays: np.ndarray) -> None:
        """Store what ``detail`` returns."""
        write_arrays(self.counts / f"detail-{split}.npz", frames=np.array(frames), **arrays)

    def write_status(self, **fields: Any) -> None:
        """Update fields of ``status.json`` and its heartbeat."""
        # The heartbeat thread must not restore an older state.
        with _STATUS_LOCK:
            try:
                status = read_json(self.folder / "status.json")
            except (FileNotFoundError, ValueError):
                status = {}
            write_json(self.folder / "status.json", {**status, **fields, "heartbeat": time.time()})

    def append_history(self, **line: Any) -> None:
        """Add one line to ``history.jsonl``."""
        with (self.folder / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def truncate_history(self, step: int) -> None:
        """Drop the lines of ``history.jsonl`` that belong to later steps, and damaged ones, with a warning."""
        kept, damaged = [], 0
        for text in self._history_lines():
            try:
                line = _history_line(text)
            except ValueError:
                damaged += 1
                continue
            if line["step"] <= step:
                kept.append(json.dumps(line) + "\n")
        if damaged:
            _log.warning("%s: %d damaged lines are left out", self.folder / "history.jsonl", damaged)
        write_text(self.folder / "history.jsonl", "".join(kept))

    @property
    def checkpoint(self) -> Path:
        """Folder of the best weights on val; the run folder itself for a shipped model."""
        return self.folder / "best" if os.path.isdir(self.folder / "best") else self.folder

    @property
    def pretrained(self) -> dict[str, Path]:
        """Folder of the copied checkpoint of each setting that names a model, existing or not."""
        return {setting: self.folder / setting for setting in configuration.MODEL_REFERENCES}

    def probes(self) -> dict[str, list[Path]]:
        """Return the predictions of the probe frames by frame name, in epoch order: palette PNGs of train ids."""
        return {
            folder.name: sorted(path for path in folder.glob("epoch-*.png") if path.stem[6:].isdecimal())
            for folder in sorted((self.folder / "probes").glob("*"))
            if os.path.isdir(folder)
        }

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of ``log.txt``."""
        try:
            file_size(self.folder / "log.txt")
            text = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise _unreadable(self.folder / "log.txt", error) from None
        return "\n".join(text.splitlines()[-lines:])

    def delete(self) -> None:
        """Remove the folder, or the link to it, however damaged the run is.

        Raises UsageError for a run that is running, and for a folder that cannot be removed.
        """
        try:
            status = self.status()
        except UsageError:
            status = {}
        if status.get("state") == "running":
            where = "stop it first"
            if not runs_here(status):
                where = (
                    f"stop it on {status.get('host')}, or wait {SILENCE_SECONDS:g} seconds after that machine ended it"
                )
            raise UsageError(f"{self.id}: expected a run that has ended, found it running; {where}")
        try:
            remove_folder(self.folder)
        except OSError as error:
            raise UsageError(
                f"{self.folder}: expected a folder that can be removed, found {error.strerror} ({error.filename}); "
                "change its permissions"
            ) from None


def _read_document(path: Path, document: type[Document]) -> dict[str, Any]:
    try:
        values = read_json(path)
        check(document, values)
        return values
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: expected a run folder, found no {path.name}") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError | ValueError) -> UsageError:
    if isinstance(error, OSError):
        return UsageError(f"{path}: expected a readable file, found {error.strerror}; change that or delete the run")
    return UsageError(f"{path}: expected a record of a run, found {_shortened(error)}; restore it or delete the run")


def _history_line(text: str) -> dict[str, Any]:
    line = parse_json(text)
    check(EpochLine if line.get("kind") == "epoch" else StepLine, line)
    return line


def _shortened(error: ValueError, length: int = 200) -> str:
    """Return what a parser found, on one line of bounded length."""
    text = " ".join(str(error).split())
    if isinstance(error, json.JSONDecodeError | UnicodeError):
        text = f"something else ({text})"
    text = text.removeprefix("expected a JSON object, found ")
    return text if len(text) <= length else f"{text[:length]}..."


def _newer(description: dict[str, Any]) -> str:
    """Return the remedy for a run of a newer version of cityseg, or an empty text."""
    version = description.get("versions", {}).get("cityseg", "")
    return (
        f"; the run was made by cityseg {version}, this is {cityseg.__version__}: update it"
        if _numbers(version) > _numbers(cityseg.__version__)
        else ""
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal() and len(part) < 9)
