"""Findings about a result that are stored after training: the label audit and the robustness scores.

A finding lies in ``folders.sidecar_folder``. Its ``stamp`` binds it to the weights, the data and the code version it
was computed from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from cityseg import checkpoint
from cityseg.data.prepared import cache
from cityseg.errors import DataError
from cityseg.files import DAMAGE, file_size, read_arrays, read_json, write_arrays, write_json, writing
from cityseg.runs import Run

REMEDY = "free it or choose another folder of runs with CITYSEG_RUNS"
_T = TypeVar("_T")


def _stamp(run: Run, fingerprint: str, version: int) -> str:
    """Return a digest of the weights, the frames with their ground truth, and the code version."""
    card = checkpoint.read_card(run.checkpoint)
    digest = hashlib.sha256(f"{version} {card.image_size} {fingerprint} {cache.LABEL_POLICY}".encode())
    weights = run.checkpoint / checkpoint.WEIGHTS
    try:
        file_size(weights)
        digest.update(weights.read_bytes())
    except OSError:
        raise DataError(f"{weights}: expected a model's weights, found no readable file; restore it") from None
    return digest.hexdigest()


def read_finding(
    path: Path, run: Run, fingerprint: str, version: int, parse: Callable[[Mapping[str, Any]], _T]
) -> _T | None:
    """Return the finding that ``parse`` builds from the keys of a ``.json`` or ``.npz`` file.

    None if the file is missing, damaged, or computed from other weights, data (``fingerprint``) or code (``version``).
    """
    try:
        stored = read_json(path) if path.suffix == ".json" else read_arrays(path)
        return parse(stored) if str(stored["stamp"]) == _stamp(run, fingerprint, version) else None
    except (OSError, *DAMAGE):
        return None


def write_finding(path: Path, run: Run, fingerprint: str, version: int, finding: Mapping[str, Any]) -> None:
    """Store a finding as ``.json`` or, if all its values are arrays, as ``.npz``."""
    document = {**finding, "stamp": _stamp(run, fingerprint, version)}
    with writing(path, REMEDY):
        if path.suffix == ".json":
            write_json(path, document)
        else:
            write_arrays(path, **document)
