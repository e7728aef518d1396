"""Findings about a result that are stored after training: the label audit and the robustness scores.

A finding lies in the run's own folder, or in ``runs/.audits/<name>/`` for shipped models, whose folder may be
read-only. Its ``stamp`` binds it to the weights, the data and the code version it was computed from.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cityseg import checkpoint
from cityseg.api.results.listing import shipped_root
from cityseg.data.prepared import cache
from cityseg.errors import DataError
from cityseg.files import write_atomically, write_json
from cityseg.runs import Run, runs_root

_FOLDER = ".audits"
_T = TypeVar("_T")


def sidecar_folder(run: Run, runs: Path | None) -> Path:
    """Return the folder of a result's findings: the run's own, or one beside the runs for any other model."""
    if (run.folder / "status.json").is_file():
        return run.folder
    name = run.id
    if run.folder.resolve().parent != shipped_root():
        # Folders named on the command line may share a name.
        name += f"-{hashlib.sha256(str(run.folder.resolve()).encode()).hexdigest()[:8]}"
    return runs_root(runs) / _FOLDER / name


def _stamp(run: Run, fingerprint: str, version: int) -> str:
    """Return a digest of the weights, the frames with their ground truth, and the code version."""
    card = checkpoint.read_card(run.checkpoint)
    digest = hashlib.sha256(f"{version} {card.image_size} {fingerprint} {cache.LABEL_POLICY}".encode())
    weights = run.checkpoint / checkpoint.WEIGHTS
    try:
        digest.update(weights.read_bytes())
    except OSError:
        raise DataError(f"{weights}: expected a model's weights, found no readable file; restore it") from None
    return digest.hexdigest()


def read_finding(
    path: Path, run: Run, fingerprint: str, version: int, parse: Callable[[Mapping[str, Any]], _T]
) -> _T | None:
    """Read a stored finding.

    Args:
        path: a ``.json`` or ``.npz`` file.
        run: the result.
        fingerprint: of the data.
        version: of the code.
        parse: builds the finding from the stored keys.

    Returns:
        The finding, or None if missing, damaged, or computed from other weights, data or code.

    Raises:
        CheckpointError, DataError: the weights cannot be read.
    """
    try:
        if path.suffix == ".json":
            stored = json.loads(path.read_text(encoding="utf-8"))
        else:
            with np.load(path, allow_pickle=False) as arrays:
                stored = dict(arrays)
        return parse(stored) if str(stored["stamp"]) == _stamp(run, fingerprint, version) else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def write_finding(path: Path, run: Run, fingerprint: str, version: int, finding: Mapping[str, Any]) -> None:
    """Store a finding as ``.json`` or, if all its values are arrays, as ``.npz``; raises what ``write_file`` does."""
    document = {**finding, "stamp": _stamp(run, fingerprint, version)}

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **document)

    if path.suffix == ".json":
        write_file(path, lambda: write_json(path, document))
    else:
        write_file(path, lambda: write_atomically(path, write))


def write_file(path: Path, write: Callable[[], object]) -> None:
    """Create the folder of ``path`` and call ``write``.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as error:
        raise DataError(
            f"{path}: expected a place to write to, found {error.strerror}; free it or choose another folder of runs "
            "with CITYSEG_RUNS"
        ) from None
