"""Looking at every file of a dataset: each is read and decoded, and everything wrong is listed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from cityseg.classes import LabelTable
from cityseg.data.dataset import PROBLEM_KINDS, SPLITS, Dataset, Frame, Problem, ProblemKind, Split
from cityseg.data.frame_io import ModeError, check_size, read_photo, read_values
from cityseg.data.prepared.parallel import on_all_cores
from cityseg.errors import DataError

_Checked = tuple[bytes, list[Problem]]
"""(digest of the photo's file, empty if it cannot be used; what is wrong with the frame)."""


def verify(dataset: Dataset, on_progress: Callable[[int, int], None] | None = None) -> tuple[Problem, ...]:
    """Read and decode every photo and label on all cores, and list what keeps frames from being used.

    Memory stays flat: files pass through one by one.

    Args:
        dataset: the connected dataset.
        on_progress: called with (frames done, frames in all).

    Returns:
        What the listing already showed and what was found now, by kind, then by split and path.
    """
    frames = [(split, frame) for split in SPLITS for frame in dataset.splits[split]]
    problems = list(dataset.problems)
    photos: dict[bytes, list[tuple[Split, Frame]]] = {}
    checked = on_all_cores(lambda listed: _check(*listed, dataset.table), frames)
    for done, ((digest, found), (split, frame)) in enumerate(zip(checked, frames, strict=True), 1):
        problems += found
        if digest:
            photos.setdefault(digest, []).append((split, frame))
        if on_progress:
            on_progress(done, len(frames))
    for copies in photos.values():
        problems += _of_copies(copies)
    problems.sort(key=lambda problem: (PROBLEM_KINDS.index(problem.kind), SPLITS.index(problem.split), problem.path))
    return tuple(problems)


def _check(split: Split, frame: Frame, table: LabelTable) -> _Checked:
    problems: list[Problem] = []
    photo = values = None
    digest = b""
    try:
        content = frame.photo.read()
        photo = read_photo(frame.photo, content)
        digest = hashlib.sha256(content).digest()
    except DataError as error:
        problems.append(Problem("unreadable file", split, str(frame.photo), str(error)))
    try:
        values = read_values(frame.label, table)
    except DataError as error:
        kind: ProblemKind = "wrong mode" if isinstance(error, ModeError) else "unreadable file"
        problems.append(Problem(kind, split, str(frame.label), str(error)))
    if values is not None:
        problems += _of_values(split, frame, values, photo, table)
    return digest, problems


def _of_values(
    split: Split, frame: Frame, values: np.ndarray, photo: np.ndarray | None, table: LabelTable
) -> list[Problem]:
    problems = []
    if photo is not None:
        try:
            check_size(frame.label, values, (photo.shape[0], photo.shape[1]))
        except DataError as error:
            problems.append(Problem("size mismatch", split, str(frame.label), str(error)))
    try:
        table.to_train_ids(values, str(frame.label))
    except DataError as error:
        problems.append(Problem("unknown id", split, str(frame.label), str(error)))
    return problems


def _of_copies(copies: Sequence[tuple[Split, Frame]]) -> list[Problem]:
    """Name every copy of a photo but those of the split nearest to test, of which scores still speak."""
    kept, original = copies[-1]
    sentence = f"expected a photo of this split alone, found the same bytes in {kept} at {original.photo}; remove one"
    return [
        Problem("duplicate", split, str(frame.photo), f"{frame.photo}: {sentence}")
        for split, frame in copies
        if split != kept
    ]
