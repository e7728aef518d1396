"""Detect the layout of a folder; ``cityscapes`` and ``custom`` list its frames."""

from __future__ import annotations

from pathlib import Path

from cityseg.data.dataset import Dataset, DatasetKind
from cityseg.data.layouts.cityscapes import LABELS, PARTS, PHOTOS, archive_path, has_part, open_cityscapes
from cityseg.data.layouts.custom import DATASET_JSON, open_custom
from cityseg.errors import DataError, UsageError

_WANTED = f"a folder with {PHOTOS}/ and {LABELS}/"


def open_folder(root: Path, kind: DatasetKind = "cityscapes", name: str = "") -> Dataset:
    """List the frames of a folder: with ``dataset.json``, in the Cityscapes layout, or with both official archives.

    Only file names are read. Unusable frames raise no error: they are listed in ``Dataset.problems`` and are in no
    split.

    ``kind`` is that of a dataset in the Cityscapes layout, ``name`` by default the folder's; ``dataset.json`` overrides
    both.

    Raises:
        UsageError: the folder does not exist, or its layout is unknown.
        DataError: it has no frame or cannot be listed, or ``dataset.json`` or an archive cannot be read.
    """
    try:
        return _open(root, kind, name)
    except OSError as error:
        raise DataError(f"{root}: expected a readable folder, found {error.strerror}; check the path") from None


def _open(root: Path, kind: DatasetKind, name: str) -> Dataset:
    if not root.is_dir():
        what = "a file; name its parent folder" if root.is_file() else "no such folder"
        raise UsageError(f"{root}: expected {_WANTED}, found {what}")
    if (root / DATASET_JSON).exists():
        return open_custom(root)
    missing = [part for part in PARTS if not has_part(root, part)]
    if not missing:
        return open_cityscapes(root, kind, name or root.resolve().name)
    if len(missing) == 1:
        (present,) = set(PARTS) - set(missing)
        if not (root / present).is_dir():
            absent = archive_path(root, missing[0]).name
            raise UsageError(
                f"{root}: expected both official archives, found {archive_path(root, present).name} but no {absent}; "
                "put it beside the other"
            )
    near = [folder for folder in (root.parent, *sorted(root.iterdir())) if folder.is_dir() and _is_dataset(folder)]
    remedy = f"did you mean {near[0]}?" if near else f"name the folder that holds both, their zips, or {DATASET_JSON}"
    raise UsageError(f"{root}: expected {_WANTED}, found no {' and no '.join(missing)}; {remedy}")


def _is_dataset(folder: Path) -> bool:
    try:
        return (folder / DATASET_JSON).is_file() or all(has_part(folder, part) for part in PARTS)
    except PermissionError:
        return False
