"""Checkpoints to resume from after a stop or a kill: ``last/``, with ``previous/`` in case ``last/`` is incomplete.

A checkpoint is written into a folder of its own, sealed with digests of its files, and then renamed. A process killed
at any moment leaves at least one sealed folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cityseg import checkpoint
from cityseg.checkpoint import ModelCard
from cityseg.errors import CheckpointError
from cityseg.files import DAMAGE, file_size, read_json, write_json
from cityseg.runs import Run

_STATE, _SEAL = "state.pt", "seal.json"
_SEALED = (checkpoint.WEIGHTS, checkpoint.CARD, _STATE)
_log = logging.getLogger(__name__)


def save(run: Run, model: nn.Module, card: ModelCard, state: dict[str, Any]) -> None:
    """Write a run's weights and everything else that the next step depends on; ``last/`` becomes ``previous/``.

    ``state`` holds plain values and tensors only; nothing else is loaded.
    """
    last, previous, unfinished = (run.folder / name for name in ("last", "previous", "last.part"))
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        checkpoint.save(unfinished, model, card)
        # torch.save to a full disk raises an error that does not name the reason.
        stored = io.BytesIO()
        torch.save(state, stored)
        (unfinished / _STATE).write_bytes(stored.getbuffer())
        write_json(unfinished / _SEAL, {name: _digest(unfinished / name) for name in _SEALED})
        if last.is_dir():
            shutil.rmtree(previous, ignore_errors=True)
            os.rename(last, previous)
        os.rename(unfinished, last)
    except OSError:
        # Free the space that the incomplete folder takes.
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def load(run: Run, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the newest complete checkpoint as (weights, state), or None if the run has none yet.

    Raises CheckpointError if all checkpoints are damaged.
    """
    folders = [folder for name in ("last.part", "last", "previous") if (folder := run.folder / name).is_dir()]
    for folder in folders:
        if _is_sealed(folder) and (state := _state(folder, device)) is not None:
            with contextlib.suppress(CheckpointError):
                return checkpoint.load(folder, device)[0].state_dict(), state
        if folder.name != "last.part":
            _log.warning("%s is damaged; resuming from the checkpoint before it", folder)
    if any(folder.name != "last.part" for folder in folders):
        raise CheckpointError(
            f"{run.folder / 'last'}: expected a complete checkpoint to resume from, found a damaged one; start a new "
            "run"
        )
    return None


def _is_sealed(folder: Path) -> bool:
    try:
        seal = read_json(folder / _SEAL)
        return all(seal.get(name) == _digest(folder / name) for name in _SEALED)
    except (OSError, ValueError):
        return False


def _state(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the stored state, or None for a damaged one, which a seal of the damaged file does not exclude."""
    try:
        state = torch.load(folder / _STATE, map_location=device, weights_only=True)
    except (OSError, pickle.UnpicklingError, *DAMAGE):
        return None
    iteration = state.get("iteration") if isinstance(state, dict) else None
    return state if isinstance(iteration, int) and iteration >= 0 else None


def _digest(path: Path) -> str:
    file_size(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
