"""What a user notes about a result: tags, a note, and whether it is archived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import filelock
from pydantic import Field

from cityseg.api.results.folders import find_result_folder, sidecar_folder
from cityseg.api.results.sidecar import REMEDY
from cityseg.documents import Document, read_document
from cityseg.errors import DataError, UsageError
from cityseg.files import write_json, writing
from cityseg.runs import Run, runs_root
from cityseg.text import parse_tag

MOST_TAGS, LONGEST_NOTE = 20, 4000
"""Tags of a result, and characters of a note at most."""
_FILE, _LOCK = "notes.json", ".notes.lock"


class _Stored(Document):
    tags: Annotated[list[str], Field(max_length=MOST_TAGS)]
    note: Annotated[str, Field(max_length=LONGEST_NOTE)]
    archived: bool


@dataclass(frozen=True)
class Notes:
    """A user's notes about a result."""

    tags: tuple[str, ...] = ()  # in alphabetical order
    note: str = ""
    archived: bool = False  # hidden from lists unless asked for


def read_notes(run: Run, runs: Path | None = None) -> Notes:
    """Return the notes about a result; empty ones if there are none, or a damaged file."""
    try:
        return _read(run, runs)
    except DataError:
        return Notes()


def annotate(
    names: Iterable[str],
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    note: str | None = None,
    archived: bool | None = None,
    runs: Path | None = None,
) -> None:
    """Change the notes about results, runs and shipped models alike; None leaves a value as it is.

    Raises:
        UsageError: an unknown result, a tag that is no short text without commas and semicolons, or too many.
        DataError: a damaged file of notes, or a folder that cannot be written.
    """
    added, removed = {parse_tag(tag) for tag in add}, {tag.strip() for tag in remove}
    if note is not None and len(note) > LONGEST_NOTE:
        raise UsageError(f"expected a note of at most {LONGEST_NOTE:,} characters, found {len(note):,}; shorten it")
    found = [find_result_folder(name, runs) for name in names]
    with _locked(runs):
        changed = {}
        for run in found:
            known = _read(run, runs)
            tags = tuple(sorted({*known.tags, *added} - removed))
            if len(tags) > MOST_TAGS:
                raise UsageError(f"{run.id}: expected at most {MOST_TAGS} tags, found {len(tags)}; remove some")
            changed[run] = replace(
                known,
                tags=tags,
                note=known.note if note is None else note.strip(),
                archived=known.archived if archived is None else archived,
            )
        for run, notes in changed.items():
            path = sidecar_folder(run, runs) / _FILE
            with writing(path, REMEDY):
                write_json(path, asdict(notes))


def _read(run: Run, runs: Path | None) -> Notes:
    stored = read_document(sidecar_folder(run, runs) / _FILE, _Stored, "tags and a note", "delete it")
    if stored is None:
        return Notes()
    return Notes(tuple(sorted(set(stored["tags"]))), stored["note"], stored["archived"])


@contextmanager
def _locked(runs: Path | None) -> Iterator[None]:
    """Keep two changes from losing one."""
    path = runs_root(runs) / _LOCK
    with writing(path, REMEDY), filelock.FileLock(path):
        yield
