"""Photos and labels become frames; what does not fit together becomes a list of problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cityseg.data.dataset import SPLITS, Frame, Problem, ProblemKind, Split
from cityseg.data.layouts.source_file import StoredFile


@dataclass(frozen=True, slots=True)
class Candidate:
    """What was found of one frame.

    Attributes:
        name: the frame's name, which other candidates may share by mistake.
        city: where it was recorded.
        split: where it belongs.
        photos: its photos; there should be exactly one.
        label: its label, or none.
        photo_place: where its photo should lie, in words.
        label_place: where its label should lie, in words.
    """

    name: str
    city: str
    split: Split
    photos: tuple[StoredFile, ...]
    label: StoredFile | None
    photo_place: str
    label_place: str


def halves(names: Sequence[str]) -> dict[str, Split]:
    """Send the first half of the sorted names to val and the second to test; an odd one goes to val."""
    ordered = sorted(set(names))
    middle = (len(ordered) + 1) // 2
    return {name: "val" if index < middle else "test" for index, name in enumerate(ordered)}


def pair(candidates: Sequence[Candidate]) -> tuple[dict[Split, tuple[Frame, ...]], tuple[Problem, ...]]:
    """Sort candidates into frames by split, ordered by name, and problems, ordered by split and path."""
    shared: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        shared.setdefault(candidate.name, []).append(candidate)
    frames: dict[Split, list[Frame]] = {split: [] for split in SPLITS}
    problems: list[Problem] = []
    for _, group in sorted(shared.items()):
        for candidate in group:
            found = [*_of_files(candidate), *_of_names(candidate, group)]
            problems += found
            if not found and candidate.label:
                frame = Frame(candidate.name, candidate.city, candidate.photos[0], candidate.label)
                frames[candidate.split].append(frame)
    problems.sort(key=lambda problem: (SPLITS.index(problem.split), problem.path))
    return {split: tuple(frames[split]) for split in SPLITS}, tuple(problems)


def _of_files(candidate: Candidate) -> list[Problem]:
    def problem(kind: ProblemKind, file: StoredFile, sentence: str) -> Problem:
        return Problem(kind, candidate.split, str(file), f"{file}: {sentence}")

    photos, label = candidate.photos, candidate.label
    found: list[Problem] = []
    for file in (*photos, *([label] if label else [])):
        what = file.oddity()
        if what:
            found.append(problem("unreadable file", file, f"expected a file, found {what}; remove it"))
    for photo in photos[1:]:
        sentence = f"expected one photo of this frame, found also {photos[0]}; keep one of them"
        found.append(problem("duplicate", photo, sentence))
    if label is None:
        sentence = f"expected its label at {candidate.label_place}, found none; add the label or take the photo out"
        found.append(problem("missing label", photos[0], sentence))
    elif not photos:
        sentence = f"expected its photo at {candidate.photo_place}, found none; add the photo or take the label out"
        found.append(problem("orphaned label", label, sentence))
    return found


def _of_names(candidate: Candidate, group: Sequence[Candidate]) -> list[Problem]:
    others = [other for other in group if other is not candidate]
    if not others:
        return []
    own, other = _file(candidate), _file(others[0])
    sentence = f"expected a frame name that no other file has, found {candidate.name} also at {other}; rename one"
    return [Problem("duplicate", candidate.split, str(own), f"{own}: {sentence}")]


def _file(candidate: Candidate) -> StoredFile | None:
    return candidate.photos[0] if candidate.photos else candidate.label
