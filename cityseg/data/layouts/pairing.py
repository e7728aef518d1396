"""Pair photos with labels; unpaired or ambiguous files become problems."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cityseg.data.dataset import SPLITS, Frame, Problem, ProblemKind, Split
from cityseg.data.layouts.dataset_files import SourceFile


@dataclass(frozen=True, slots=True)
class Candidate:
    """The files found for one frame, and where photo and label are expected, for messages."""

    name: str
    """Shared by several candidates only by mistake."""
    city: str
    split: Split
    photos: tuple[SourceFile, ...]
    """Exactly one is expected."""
    labels: tuple[SourceFile, ...]
    """Exactly one is expected."""
    photo_place: str
    label_place: str
    near: str = ""
    """If photo or label is missing, the file that lies there instead."""


def halves(names: Sequence[str]) -> dict[str, Split]:
    """Assign the first half of the sorted names to val and the second to test; a middle one goes to val."""
    ordered = sorted(set(names))
    middle = (len(ordered) + 1) // 2
    return {name: "val" if index < middle else "test" for index, name in enumerate(ordered)}


def pair(candidates: Sequence[Candidate]) -> tuple[dict[Split, tuple[Frame, ...]], tuple[Problem, ...]]:
    """Return the frames by split, sorted by name, and the problems, sorted by split and path."""
    by_name: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_name.setdefault(candidate.name, []).append(candidate)
    frames: dict[Split, list[Frame]] = {split: [] for split in SPLITS}
    problems: list[Problem] = []
    for name, group in sorted(by_name.items()):
        for candidate in group:
            found = [*_file_problems(candidate), *_name_problems(candidate, group)]
            problems += found
            if not found:
                frames[candidate.split].append(Frame(name, candidate.city, candidate.photos[0], candidate.labels[0]))
    problems.sort(key=lambda problem: (SPLITS.index(problem.split), problem.path))
    return {split: tuple(frames[split]) for split in SPLITS}, tuple(problems)


def _problem(kind: ProblemKind, candidate: Candidate, file: SourceFile, message: str) -> Problem:
    return Problem(kind, candidate.split, str(file), f"{file}: {message}")


def _file_problems(candidate: Candidate) -> list[Problem]:
    photos, labels = candidate.photos, candidate.labels
    found = [
        _problem("unreadable file", candidate, file, f"expected a file, found {oddity}; remove it")
        for file in (*photos, *labels)
        if (oddity := file.oddity())
    ]
    for what, files in (("photo", photos), ("label", labels)):
        for file in files[1:]:
            message = f"expected one {what} of this frame, found also {files[0]}; keep one of them"
            found.append(_problem("duplicate", candidate, file, message))
    near = f"only {candidate.near}" if candidate.near else "none"
    if not labels:
        message = f"expected its label at {candidate.label_place}, found {near}; add the label or remove the photo"
        found.append(_problem("missing label", candidate, photos[0], message))
    elif not photos:
        message = f"expected its photo at {candidate.photo_place}, found {near}; add the photo or remove the label"
        found.append(_problem("orphaned label", candidate, labels[0], message))
    return found


def _name_problems(candidate: Candidate, group: Sequence[Candidate]) -> list[Problem]:
    others = [_file(other) for other in group if other is not candidate]
    if not others:
        return []
    message = f"expected a frame name that no other file has, found {candidate.name} also at {others[0]}; rename one"
    return [_problem("duplicate", candidate, _file(candidate), message)]


def _file(candidate: Candidate) -> SourceFile:
    return (*candidate.photos, *candidate.labels)[0]


def empty_splits(frames: Mapping[Split, Sequence[Frame]], splits: Collection[str]) -> tuple[str, ...]:
    """Return a note for each of the splits that has no frame."""
    need = {"test": "so that no score is held out"}
    empty = [split for split in SPLITS if split in splits and not frames[split]]
    return tuple(f"there is no {split} frame, {need.get(split, 'which training needs')}" for split in empty)
