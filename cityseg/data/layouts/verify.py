"""Verify a dataset: decode every file and list all problems."""

from __future__ import annotations

import hashlib

from cityseg.classes import LabelTable
from cityseg.data.dataset import PROBLEM_KINDS, SPLITS, Dataset, Frame, Problem, ProblemKind, Split
from cityseg.data.frame_io import check_size, read_photo, read_values
from cityseg.data.label_decode import ModeError
from cityseg.data.label_numbering import train_ids_warning
from cityseg.data.layouts.duplicates import shared_photo
from cityseg.data.prepared.parallel import on_all_cores
from cityseg.errors import DataError
from cityseg.progress import OnProgress


def verify(dataset: Dataset, on_progress: OnProgress | None = None) -> tuple[Problem, ...]:
    """Decode every photo and label on all cores and list all problems.

    Memory use is constant: files are processed one by one. Of a photo that several splits share, the copies in the
    split nearest to test are not reported, so that evaluation covers all frames. Problems of the file listing are
    included; all are sorted by kind, then by split and path.
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
        kept, original = copies[-1]
        problems += [shared_photo(split, frame, kept, original) for split, frame in copies if split != kept]
    for split in SPLITS:
        if warning := train_ids_warning(dataset, split):
            problems.append(Problem("train ids", split, str(dataset.splits[split][0].label.path), warning))
    problems.sort(key=lambda problem: (PROBLEM_KINDS.index(problem.kind), SPLITS.index(problem.split), problem.path))
    return tuple(problems)


def _check(split: Split, frame: Frame, table: LabelTable) -> tuple[bytes, list[Problem]]:
    """Return the digest of the photo file, empty if the photo is unusable, and the problems of the frame."""
    problems: list[Problem] = []

    def add(kind: ProblemKind, path: object, error: DataError) -> None:
        problems.append(Problem(kind, split, str(path), str(error)))

    photo, digest = None, b""
    try:
        content = frame.photo.read()
        photo = read_photo(frame.photo, content)
        digest = hashlib.sha256(content).digest()
    except DataError as error:
        add("unreadable file", frame.photo, error)
    try:
        values = read_values(frame.label, table)
    except DataError as error:
        add("wrong mode" if isinstance(error, ModeError) else "unreadable file", frame.label, error)
        return digest, problems
    if photo is not None:
        try:
            check_size(frame.label, values, (photo.shape[0], photo.shape[1]), photo=frame.photo)
        except DataError as error:
            add("size mismatch", frame.label, error)
    try:
        table.to_train_ids(values, str(frame.label))
    except DataError as error:
        add("unknown id", frame.label, error)
    return digest, problems
