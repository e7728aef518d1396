"""Verify every file of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from cityseg.api.data.connect import connect
from cityseg.data.dataset import Dataset, Problem
from cityseg.data.layouts import verify as verification
from cityseg.progress import OnProgress


@dataclass(frozen=True)
class Verification:
    """Result of a verification."""

    frames: int  # number of frames that were decoded
    problems: tuple[Problem, ...]  # all problems by kind, split and path
    notes: tuple[str, ...] = ()  # what was read instead of the usual files


def verify(data: str | Dataset | None = None, on_progress: OnProgress | None = None) -> Verification:
    """Decode every photo and label of a dataset and list all problems."""
    dataset = connect(data, on_progress)
    frames = sum(map(len, dataset.splits.values()))
    return Verification(frames, verification.verify(dataset, on_progress), dataset.notes)
