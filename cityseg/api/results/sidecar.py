"""What is found out about a result later and kept with it: where it lies, and what it holds for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from cityseg import checkpoint
from cityseg.api.results.listing import shipped_root
from cityseg.data.prepared import cache
from cityseg.errors import DataError
from cityseg.runs import Run, runs_root

_FOLDER = ".audits"


def notes_folder(run: Run, runs: Path | None) -> Path:
    """Return where notes on a result lie: in a run's own folder, beside the runs for shipped models and others."""
    if (run.folder / "status.json").is_file():
        return run.folder
    name = run.id
    if run.folder.resolve().parent != shipped_root():
        # Folders named on the command line may share a name.
        name += f"-{hashlib.sha256(str(run.folder.resolve()).encode()).hexdigest()[:8]}"
    return runs_root(runs) / _FOLDER / name


def stamp(run: Run, fingerprint: str, version: int) -> str:
    """Name what a note depends on: the weights, the frames and their truth, and the code that made it.

    Args:
        run: the result.
        fingerprint: of the frames.
        version: of the code.

    Raises:
        CheckpointError, DataError: the weights cannot be read.
    """
    card = checkpoint.read_card(run.checkpoint)
    digest = hashlib.sha256(f"{version} {card.image_size} {fingerprint} {cache.LABEL_POLICY}".encode())
    weights = run.checkpoint / checkpoint.WEIGHTS
    try:
        digest.update(weights.read_bytes())
    except OSError:
        raise DataError(f"{weights}: expected a model's weights, found no readable file; restore it") from None
    return digest.hexdigest()


def written(path: Path, write: Callable[[], object]) -> None:
    """Write a note, its folder made if missing.

    Raises:
        DataError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as error:
        raise DataError(
            f"{path}: expected a place to write to, found {error.strerror}; free it or choose another folder of runs "
            "with CITYSEG_RUNS"
        ) from None
