"""The official Cityscapes layout: ``leftImg8bit/`` and ``gtFine/``, as folders or as the two official archives."""

from __future__ import annotations

from pathlib import Path

from cityseg.data.dataset import Dataset, Kind
from cityseg.data.layouts.pairing import Candidate, halves, pair
from cityseg.data.layouts.source_file import StoredFile, list_files
from cityseg.data.layouts.zip_source import list_members
from cityseg.errors import DataError

PHOTOS, LABELS = "leftImg8bit", "gtFine"
PARTS = (PHOTOS, LABELS)
_SUFFIXES = {PHOTOS: "_leftImg8bit.png", LABELS: "_gtFine_labelIds.png"}

_Place = tuple[str, str, str]
"""(folder of the split, city, frame name)."""


def archive_path(root: Path, part: str) -> Path:
    """Return where the official archive of ``leftImg8bit`` or ``gtFine`` lies."""
    return root / f"{part}_trainvaltest.zip"


def has_part(root: Path, part: str) -> bool:
    """Whether a folder holds ``leftImg8bit`` or ``gtFine``, as a folder or as the official archive."""
    return (root / part).is_dir() or archive_path(root, part).exists()


def open_official(root: Path, kind: Kind, name: str) -> Dataset:
    """List the frames below a folder that has both parts; where a folder and an archive lie side by side, the folder.

    The labels of the official test frames are not public: what lies in ``test`` is not looked at.

    Raises:
        DataError: there is no frame at all, a folder cannot be listed, or an archive cannot be read.
    """
    photos, labels = _list(root, PHOTOS), _list(root, LABELS)
    if not photos:
        raise DataError(f"{root}: expected photos named {PHOTOS}/<split>/<city>/*{_SUFFIXES[PHOTOS]}, found none")
    places = sorted({*photos, *labels})
    half = halves([name for folder, _, name in places if folder == "val"])
    above_photos, above_labels = _prefix(root, PHOTOS), _prefix(root, LABELS)
    frames, problems = pair(
        [
            Candidate(
                name=place[2],
                city=place[1],
                split="train" if place[0] == "train" else half[place[2]],
                photos=tuple(file for file in [photos.get(place)] if file),
                label=labels.get(place),
                photo_place=above_photos + _below(PHOTOS, place),
                label_place=above_labels + _below(LABELS, place),
            )
            for place in places
        ]
    )
    return Dataset(name, kind, root, frames, problems)


def _list(root: Path, part: str) -> dict[_Place, StoredFile]:
    suffix = _SUFFIXES[part]
    if (root / part).is_dir():
        files: dict[str, StoredFile] = {}
        for folder in ("train", "val"):
            files |= list_files(root, f"{part}/{folder}", (suffix.lower(),), levels=1)
    else:
        files = list_members(archive_path(root, part), part, (suffix.lower(),))
    found: dict[_Place, StoredFile] = {}
    for name, file in files.items():
        parts = name.split("/")
        if len(parts) == 4 and parts[1] in ("train", "val") and name.endswith(suffix):
            found[parts[1], parts[2], parts[3].removesuffix(suffix)] = file
    return found


def _prefix(root: Path, part: str) -> str:
    return str(root / part) if (root / part).is_dir() else f"{archive_path(root, part)}!{part}"


def _below(part: str, place: _Place) -> str:
    folder, city, name = place
    return f"/{folder}/{city}/{name}{_SUFFIXES[part]}"
