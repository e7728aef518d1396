"""Which layout a folder has. ``official`` and ``described`` list the frames; here a folder is recognised."""

from __future__ import annotations

import os
from pathlib import Path

from cityseg.data.dataset import PROBLEM_KINDS, SPLITS, Dataset, Frame, Kind, Problem, ProblemKind, Split
from cityseg.data.layouts.cityscapes import LABELS, PARTS, PHOTOS, archive_path, has_part, open_official
from cityseg.data.layouts.custom import DESCRIPTION, open_described
from cityseg.errors import DataError, UsageError

__all__ = [
    "PROBLEM_KINDS",
    "SPLITS",
    "Dataset",
    "Frame",
    "Kind",
    "Problem",
    "ProblemKind",
    "Split",
    "default_data",
    "open_folder",
]

_WANTED = f"a folder with {PHOTOS}/ and {LABELS}/"


def default_data() -> str:
    """Return what is connected when nothing is named: ``$CITYSEG_DATA``, ``data/cityscapes``, else ``synthetic``."""
    named = os.environ.get("CITYSEG_DATA")
    if named:
        return named
    return "data/cityscapes" if Path("data/cityscapes").is_dir() else "synthetic"


def open_folder(root: Path, kind: Kind = "cityscapes", name: str = "") -> Dataset:
    """List the frames of a folder: one with ``dataset.json``, one in the official layout, or one with both archives.

    Only names are read. A frame that cannot be used is no error here: it is named in ``Dataset.problems`` and is in
    no split.

    Args:
        root: the folder.
        kind: what the official layout holds here.
        name: what to call the dataset; ``dataset.json`` knows its own, else the folder's name.

    Raises:
        UsageError: there is no such folder, or it has no layout that is known.
        DataError: there is no frame at all, ``dataset.json`` is wrong, an archive cannot be read, or a folder cannot
            be listed.
    """
    try:
        return _open(root, kind, name)
    except OSError as error:
        raise DataError(f"{root}: expected a folder that can be read, found {error.strerror}; check the path") from None


def _open(root: Path, kind: Kind, name: str) -> Dataset:
    if not root.is_dir():
        what = "a file; name the folder it lies in" if root.is_file() else "no such folder"
        raise UsageError(f"{root}: expected {_WANTED}, found {what}")
    if (root / DESCRIPTION).exists():
        return open_described(root)
    missing = [part for part in PARTS if not has_part(root, part)]
    if not missing:
        return open_official(root, kind, name or root.resolve().name)
    if len(missing) == 1:
        (there,) = set(PARTS) - set(missing)
        if not (root / there).is_dir():
            absent = archive_path(root, missing[0]).name
            raise UsageError(
                f"{root}: expected both official archives, found {archive_path(root, there).name} but no {absent}; "
                "put it beside the other"
            )
    near = [folder for folder in (root.parent, *sorted(root.iterdir())) if folder.is_dir() and _is_dataset(folder)]
    remedy = f"did you mean {near[0]}?" if near else f"name the folder that holds both, their zips, or {DESCRIPTION}"
    raise UsageError(f"{root}: expected {_WANTED}, found no {' and no '.join(missing)}; {remedy}")


def _is_dataset(folder: Path) -> bool:
    try:
        return (folder / DESCRIPTION).is_file() or all(has_part(folder, part) for part in PARTS)
    except PermissionError:
        return False
