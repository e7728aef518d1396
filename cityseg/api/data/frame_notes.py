"""What a user notes about a dataset's frames: tags, and saved views, which are filters with a name.

They are stored beside the prepared caches, in a file per place of a dataset, so that the dataset itself stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, cast

import filelock
from pydantic import Field

from cityseg.analysis.tables import Table, to_csv
from cityseg.api.data.connect import connect
from cityseg.data.dataset import SPLITS, Dataset, Split
from cityseg.data.prepared.cache import cache_root
from cityseg.documents import Document, read_document
from cityseg.errors import UsageError
from cityseg.files import write_json, writing
from cityseg.text import parse_tag, quoted

LONGEST_VIEW_NAME, MOST_VIEWS = 60, 200
_REMEDY = "choose another place with CITYSEG_CACHE"
FrameKey = tuple[Split, str]
"""A frame's split and name."""


class _Stored(Document):
    tags: dict[str, dict[str, list[str]]]  # by split and frame
    views: Annotated[dict[str, dict[str, str]], Field(max_length=MOST_VIEWS)]


@dataclass(frozen=True)
class FrameNotes:
    """A user's notes about the frames of a dataset."""

    tags: Mapping[FrameKey, tuple[str, ...]] = field(default_factory=dict)  # of the tagged frames, sorted
    views: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # filter of each view, as URL parameters

    @property
    def known_tags(self) -> list[str]:
        """All tags in alphabetical order."""
        return sorted({tag for tags in self.tags.values() for tag in tags})


def read_frame_notes(data: str | Dataset | None) -> FrameNotes:
    """Return the notes about a dataset; DataError for a damaged file."""
    path = _path(connect(data))
    stored = read_document(path, _Stored, "tags and views", "delete it")
    if stored is None:
        return FrameNotes()
    tags = {
        (cast("Split", split), frame): tuple(sorted(set(names)))
        for split, frames in stored["tags"].items()
        for frame, names in frames.items()
        if split in SPLITS and names
    }
    return FrameNotes(tags, stored["views"])


def tag_frames(
    data: str | Dataset | None, frames: Iterable[FrameKey], *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> FrameNotes:
    """Add and remove tags of frames; return all notes.

    Raises:
        UsageError: a frame that the dataset lacks, or a tag that is no short text without commas and semicolons.
        DataError: a damaged file of notes, or a folder that cannot be written.
    """
    dataset = connect(data)
    chosen = list(frames)
    known = {(split, frame.name) for split in SPLITS for frame in dataset.splits[split]}
    if missing := next((key for key in chosen if key not in known), None):
        raise UsageError(f"unknown frame {missing[1]!r}: the {missing[0]} split of {dataset.name} holds no such frame")
    added, removed = {parse_tag(tag) for tag in add}, {tag.strip() for tag in remove}

    def change(notes: FrameNotes) -> FrameNotes:
        tags = dict(notes.tags)
        for key in chosen:
            tags[key] = tuple(sorted({*tags.get(key, ()), *added} - removed))
        return replace(notes, tags={key: names for key, names in tags.items() if names})

    return _change(dataset, change)


def save_view(data: str | Dataset | None, name: str, parameters: Mapping[str, str]) -> FrameNotes:
    """Store a filter, as URL parameters of the Dataset page, under a name; an older one of that name is replaced.

    Raises:
        UsageError: a name that is no short text, or too many views.
        DataError: a damaged file of notes, or a folder that cannot be written.
    """
    title = name.strip()
    if not title or len(title) > LONGEST_VIEW_NAME or not title.isprintable():
        raise UsageError(f"expected a name of 1 to {LONGEST_VIEW_NAME} characters, found {quoted(name)}")

    def change(notes: FrameNotes) -> FrameNotes:
        views = {**notes.views, title: dict(parameters)}
        if len(views) > MOST_VIEWS:
            raise UsageError(f"expected at most {MOST_VIEWS} views, found {len(views)}; delete some")
        return replace(notes, views=views)

    return _change(connect(data), change)


def delete_view(data: str | Dataset | None, name: str) -> FrameNotes:
    """Delete a view; UsageError for an unknown one."""

    def change(notes: FrameNotes) -> FrameNotes:
        if name not in notes.views:
            raise UsageError(f"unknown view {quoted(name)}: expected one of {', '.join(notes.views) or 'none yet'}")
        return replace(notes, views={title: view for title, view in notes.views.items() if title != name})

    return _change(connect(data), change)


def frame_tags_csv(data: str | Dataset | None) -> str:
    """Return the tagged frames as CSV: split, frame, city, tags joined by semicolons, and paths below the dataset."""
    dataset = connect(data)
    notes = read_frame_notes(dataset)
    rows = [
        (split, frame.name, frame.city or None, ";".join(tags), frame.photo.name, frame.label.name)
        for split in SPLITS
        for frame in dataset.splits[split]
        if (tags := notes.tags.get((split, frame.name)))
    ]
    return to_csv(Table(("split", "frame", "city", "tags", "photo", "label"), tuple(rows)))


def write_frame_tags(data: str | Dataset | None, out: Path) -> None:
    """Write ``frame_tags_csv`` into a file; DataError if it cannot be written."""
    text = frame_tags_csv(data)
    with writing(out):
        out.write_text(text, encoding="utf-8")


def _change(dataset: Dataset, change: Any) -> FrameNotes:
    path = _path(dataset)
    # The app serves every visitor from a thread of its own; without the lock one change could undo another.
    with writing(path, _REMEDY), filelock.FileLock(path.with_suffix(".lock")):
        notes: FrameNotes = change(read_frame_notes(dataset))
        tags: dict[str, dict[str, list[str]]] = {}
        for (split, frame), names in notes.tags.items():
            tags.setdefault(split, {})[frame] = list(names)
        views = {name: dict(view) for name, view in notes.views.items()}
        write_json(path, {"data": str(dataset.root), "tags": tags, "views": views})
    return notes


def _path(dataset: Dataset) -> Path:
    place = "synthetic" if dataset.kind == "synthetic" else str(dataset.root.resolve())
    return cache_root() / f"frame-notes-{hashlib.sha256(place.encode()).hexdigest()[:16]}.json"
