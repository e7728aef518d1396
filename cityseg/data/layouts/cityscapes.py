"""The Cityscapes layout: ``leftImg8bit/`` and ``gtFine/``, as folders or as the two official archives."""

from __future__ import annotations

from pathlib import Path

from cityseg.data.dataset import Dataset, DatasetKind
from cityseg.data.layouts.pairing import Candidate, halves, pair
from cityseg.data.layouts.source_file import SourceFile, list_files
from cityseg.data.layouts.zip_source import list_members
from cityseg.errors import DataError

PHOTOS, LABELS = "leftImg8bit", "gtFine"
PARTS = (PHOTOS, LABELS)
_SUFFIXES = {PHOTOS: "_leftImg8bit.png", LABELS: "_gtFine_labelIds.png"}

_FrameKey = tuple[str, str, str]
"""(split folder, city, frame name)."""


def archive_path(root: Path, part: str) -> Path:
    """Return the path of the official archive of ``leftImg8bit`` or ``gtFine``."""
    return root / f"{part}_trainvaltest.zip"


def has_part(root: Path, part: str) -> bool:
    """Whether a folder holds ``leftImg8bit`` or ``gtFine``, as a folder or as the official archive."""
    return (root / part).is_dir() or archive_path(root, part).exists()


def open_cityscapes(root: Path, kind: DatasetKind, name: str) -> Dataset:
    """List the frames below a folder that has both parts; a folder takes precedence over an archive of the same part.

    The labels of the official test frames are not public, so ``test`` folders are ignored.

    Raises:
        DataError: there is no frame, a folder cannot be listed, or an archive cannot be read.
    """
    photos, labels = _list(root, PHOTOS), _list(root, LABELS)
    if not photos:
        raise DataError(f"{root}: expected photos named {PHOTOS}/<split>/<city>/*{_SUFFIXES[PHOTOS]}, found none")
    keys = sorted({*photos, *labels})
    half = halves([name for folder, _, name in keys if folder == "val"])
    frames, problems = pair(
        [
            Candidate(
                name=frame,
                city=city,
                split="train" if folder == "train" else half[frame],
                photos=tuple(file for file in [photos.get((folder, city, frame))] if file),
                label=labels.get((folder, city, frame)),
                photo_place=f"{_base(root, PHOTOS)}/{folder}/{city}/{frame}{_SUFFIXES[PHOTOS]}",
                label_place=f"{_base(root, LABELS)}/{folder}/{city}/{frame}{_SUFFIXES[LABELS]}",
            )
            for folder, city, frame in keys
        ]
    )
    return Dataset(name, kind, root, frames, problems)


def _list(root: Path, part: str) -> dict[_FrameKey, SourceFile]:
    suffix = _SUFFIXES[part]
    if (root / part).is_dir():
        files: dict[str, SourceFile] = {}
        for folder in ("train", "val"):
            files |= list_files(root, f"{part}/{folder}", (suffix.lower(),), levels=1)
    else:
        files = list_members(archive_path(root, part), part, (suffix.lower(),))
    found: dict[_FrameKey, SourceFile] = {}
    for name, file in files.items():
        parts = name.split("/")
        if len(parts) == 4 and parts[1] in ("train", "val") and name.endswith(suffix):
            found[parts[1], parts[2], parts[3].removesuffix(suffix)] = file
    return found


def _base(root: Path, part: str) -> str:
    return str(root / part) if (root / part).is_dir() else f"{archive_path(root, part)}!{part}"
