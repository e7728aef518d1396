"""Published layouts with a folder of photos and one of labels: Cityscapes and its relatives (foggy, coarse, IDD), ACDC.

Each part is a folder, or one or more of the official archives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cityseg.classes import LabelTable
from cityseg.data.dataset import Dataset, DatasetKind, Frame, Problem, Split
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.layouts.file_tree import FileTree
from cityseg.data.layouts.names import IMAGE_ENDING, IMAGE_SUFFIXES, composed, fold, join, several
from cityseg.data.layouts.near_miss import NearMisses, contents
from cityseg.data.layouts.numberings import NUMBERINGS
from cityseg.data.layouts.pairing import Candidate, empty_splits, halves, pair
from cityseg.data.layouts.parts import Part, find_part
from cityseg.errors import DataError

PHOTOS, LABELS = "leftImg8bit", "gtFine"
PARTS = (PHOTOS, LABELS)

_KINDS = {
    "labelids": "cityscapes-ids",
    "labelcsids": "cityscapes-ids",
    "labeltrainids": "cityscapes-train-ids",
    "labelcstrainids": "cityscapes-train-ids",
    "idd labelids": "idd-ids",
    "labellevel3ids": "idd-level3-ids",
    "color": "cityscapes-colors",
    "labelcolor": "cityscapes-colors",
}
"""Numbering of the kinds of label files, preferred ones first."""


@dataclass(frozen=True)
class Layout:
    """A published layout; paths of frames are ``<photos>/<folders>/<frame><suffix>``."""

    photos: str
    labels: tuple[str, ...]
    """Folders of labels, preferred ones first."""
    folders: tuple[str, ...]
    """Meaning of each folder: ``split``, ``city``, or another."""
    photo: re.Pattern[str]
    """File name of a photo, with groups ``frame`` and, for versions of one photo, ``variant``."""
    label: re.Pattern[str]
    """File name of a label, with groups ``frame`` and ``kind``."""
    photo_suffix: str

    def expected(self) -> str:
        """Return the photos' paths, for messages."""
        return f"{self.photos}/{'/'.join(f'<{folder}>' for folder in self.folders)}/*{self.photo_suffix}"


CITYSCAPES = Layout(
    photos=PHOTOS,
    labels=(LABELS, "gtCoarse"),
    folders=("split", "city"),
    photo=re.compile(rf"(?P<frame>.+?)_leftImg8bit(?P<variant>_.+?)?\.(?P<ending>{IMAGE_ENDING})", re.IGNORECASE),
    label=re.compile(r"(?P<frame>.+?)_(?P<part>gtFine|gtCoarse)_(?P<kind>label\w*ids|color)\.png", re.IGNORECASE),
    photo_suffix="_leftImg8bit.png",
)
ACDC = Layout(
    photos="rgb_anon",
    labels=("gt",),
    folders=("city", "split", "drive"),
    photo=re.compile(rf"(?P<frame>.+?)_rgb(?P<variant>)_anon\.(?P<ending>{IMAGE_ENDING})", re.IGNORECASE),
    label=re.compile(r"(?P<frame>.+?)_(?P<part>gt)_(?P<kind>label\w*ids|labelcolor)\.png", re.IGNORECASE),
    photo_suffix="_rgb_anon.png",
)
LAYOUTS = (CITYSCAPES, ACDC)
_SPLIT_FOLDERS = ("train", "val", "test", "train_extra")


@dataclass(frozen=True, slots=True)
class _Named:
    """A photo or label with the contents of its path."""

    file: SourceFile
    split: str
    """Folder of the split, in lower case."""
    city: str
    drive: str
    """The last folder."""
    frame: str
    key: str
    """Folders and frame."""
    version: str
    """Variant of a photo, kind of a label; in lower case."""


def open_published(layout: Layout, tree: FileTree, root: Path, kind: DatasetKind, name: str) -> Dataset | None:
    """List the frames of a published layout; None if ``tree`` has no photos or no labels of it.

    A folder takes precedence over archives of the same part. The labels of the official test frames are not public, so
    ``test`` folders are ignored.

    Raises:
        DataError: there is no frame, a folder cannot be listed, or an archive cannot be read.
    """
    fine = find_part(tree, layout.labels[0])
    coarse = find_part(tree, layout.labels[1]) if layout.labels[1:] else ()
    photos = find_part(tree, layout.photos, variants=True, extra=bool(coarse) and not fine)
    if not photos or not (fine or coarse):
        return None
    frames, problems, table, notes = _frames(layout, root, photos, fine, coarse)
    return Dataset(name, kind, root, frames, problems, table, notes)


def _frames(
    layout: Layout, root: Path, photo_part: Part, fine: Part, coarse: Part
) -> tuple[dict[Split, tuple[Frame, ...]], tuple[Problem, ...], LabelTable, tuple[str, ...]]:
    notes: list[str] = []
    photos = _list(layout, photo_part, layout.photo, ("train", "val"))
    labels = _list(layout, fine or coarse, layout.label, ("train", "val"))
    extra = _list(layout, photo_part, layout.photo, ("train_extra",)) if coarse else []
    if not fine:
        notes.append(f"labels are the coarse ones in {layout.labels[1]}/")
    if fine and any(photo.split == "train" for photo in photos):
        extra = []
    if extra:
        notes.append(f"train_extra/ belongs to train, with the coarse labels in {layout.labels[1]}/")
        photos += extra
        labels += _list(layout, coarse, layout.label, ("train_extra",))
    if extra or not fine:
        splits = {photo.split for photo in photos}
        labels = [label for label in labels if label.split in splits]
    if not photos:
        raise DataError(f"{root}: expected photos named {layout.expected()}, found {_near_photos(layout, photo_part)}")
    notes += _unread(layout, photo_part)
    photos = _one_version(root, photo_part, photos, notes)
    kind = next((kind for kind in _KINDS if any(label.version == kind for label in labels)), "labelids")
    labels = [label for label in labels if label.version == kind]
    if kind != "labelids":
        notes.append(f"labels are read from *{_ending(labels, '')} ({_KINDS[kind]})")
    candidates = _candidates(layout, photos, labels, photo_part, fine or coarse)
    frames, problems = pair(candidates)
    return frames, problems, NUMBERINGS[_KINDS[kind]], (*notes, *empty_splits(frames, ("val",)))


def _list(layout: Layout, part: Part, pattern: re.Pattern[str], splits: Sequence[str]) -> list[_Named]:
    found = []
    for tree, folder in part:
        if layout.folders[0] == "split":
            places = [place for split in splits if (place := tree.folder(f"{folder}/{split}")) is not None]
        else:
            places = [folder]
        levels = len(layout.folders) - (layout.folders[0] == "split")
        for place in places:
            for name, file in tree.files(place, IMAGE_SUFFIXES, levels).items():
                *folders, last = composed(name).removeprefix(f"{composed(folder)}/").split("/")
                match = pattern.fullmatch(last)
                if match and len(folders) == len(layout.folders):
                    meaning = dict(zip(layout.folders, folders, strict=True))
                    if fold(meaning["split"]) in splits:
                        found.append(_named(file, meaning, folders, match))
    return found


def _unread(layout: Layout, part: Part) -> list[str]:
    """Return sentences on photos that lie in other folders than those that are read."""
    unread = []
    for tree, folder in part:
        if layout.folders[0] == "split":
            others = [name for name in tree.entries(folder) if fold(name) not in _SPLIT_FOLDERS]
            for name in others:
                if tree.folder(f"{folder}/{name}") is not None:
                    unread.append(f"{folder}/{name}/ is not read: expected train, val, test or train_extra")
        levels = len(layout.folders) + 1
        found = (
            composed(name).removeprefix(f"{composed(folder)}/") for name in tree.files(folder, IMAGE_SUFFIXES, levels)
        )
        deep = sorted(
            name
            for name in found
            if name.count("/") != len(layout.folders) and layout.photo.fullmatch(name.rpartition("/")[2])
        )
        if deep:
            count = "1 photo is" if len(deep) == 1 else f"{len(deep):,} photos are"
            unread.append(f"{count} not read, such as {folder}/{deep[0]}: expected {layout.expected()}")
    return unread


def _named(file: SourceFile, meaning: dict[str, str], folders: Sequence[str], match: re.Match[str]) -> _Named:
    city, frame, groups = meaning["city"], match["frame"], match.groupdict()
    kind = groups.get("kind")
    version = fold(kind or groups.get("variant") or "")
    # IDD's tools write ids of their own under a name that differs from that of Cityscapes' ids by its case only. Its
    # frames are numbered per drive, while those of Cityscapes begin with the city.
    if kind == "labelids" and match["part"] == LABELS and not fold(frame).startswith(fold(city)):
        version = "idd labelids"
    return _Named(file, fold(meaning["split"]), city, folders[-1], frame, "/".join((*folders, frame)), version)


def _one_version(root: Path, part: Part, photos: Sequence[_Named], notes: list[str]) -> list[_Named]:
    """Return the plain photos, else those of the only variant; of a PNG and another file of one photo, the PNG."""
    versions = sorted({photo.version for photo in photos})
    if versions[0] and len(versions) > 1:
        tree, folder = part[0]
        described = {
            **{"name": root.name, "train_ids": "cityscapes-ids", "photos": folder, "labels": LABELS},
            **{"photo_suffix": f"_{PHOTOS}{versions[-1]}", "label_suffix": f"_{LABELS}_labelIds"},
            **({"unused": ["test/*"]} if tree.folder(f"{folder}/test") else {}),
        }
        raise DataError(
            f"{root}: expected one version of each photo, found photos that end in {several(versions, 9)}; "
            f"choose one with a dataset.json such as {json.dumps(described)}"
        )
    if versions[0]:
        notes.append(f"photos are the ones that end in {versions[0]}")
    kept = [photo for photo in photos if photo.version == versions[0]]
    png = {photo.key for photo in kept if photo.file.name.lower().endswith(".png")}
    return [photo for photo in kept if photo.key not in png or photo.file.name.lower().endswith(".png")]


def _candidates(
    layout: Layout, photos: Sequence[_Named], labels: Sequence[_Named], photo_part: Part, label_part: Part
) -> list[Candidate]:
    groups = join(_by_key(photos), _by_key(labels))
    named = {key: _spelling([*group[0], *group[1]]) for key, group in groups.items()}
    names = _names(named)
    half = halves([names[key] for key, one in named.items() if one.split == "val"])
    photo_near, label_near = NearMisses(photo_part), NearMisses(label_part)
    photo_end, label_end = _ending(photos, layout.photo_suffix), _ending(labels, _label_suffix(label_part))
    return [
        Candidate(
            name=names[key],
            city=named[key].city,
            split=half[names[key]] if named[key].split == "val" else "train",
            photos=tuple(one.file for one in found),
            labels=tuple(one.file for one in matching),
            photo_place=f"{_place(photo_part)}/{key}{photo_end}",
            label_place=f"{_place(label_part)}/{key}{label_end}",
            near=photo_near.beginning(key) if not found else label_near.beginning(key) if not matching else "",
        )
        for key, (found, matching) in sorted(groups.items())
    ]


def _names(named: dict[str, _Named]) -> dict[str, str]:
    """Return the frames' names; with drive or all folders before the number where numbers repeat in each drive."""
    names = {key: one.frame for key, one in named.items()}
    # Frames of Cityscapes begin with their city: one in two cities is a mistake.
    if any(fold(one.frame).startswith(fold(one.city)) for one in named.values()):
        return names
    longer = (
        names,
        {key: f"{one.drive}_{one.frame}" for key, one in named.items()},
        {key: key.replace("/", "_") for key in named},
    )
    return next((unique for unique in longer if len({*unique.values()}) == len(named)), names)


def _by_key(files: Sequence[_Named]) -> dict[str, list[_Named]]:
    found: dict[str, list[_Named]] = {}
    for one in files:
        found.setdefault(one.key, []).append(one)
    return found


def _spelling(files: Sequence[_Named]) -> _Named:
    """Return the file that spells the frame's name as its city is spelled, else the first one, a photo."""
    return next((one for one in files if one.frame.startswith(one.city)), files[0])


def _ending(files: Sequence[_Named], default: str) -> str:
    return composed(files[0].file.name).rpartition("/")[2].removeprefix(files[0].frame) if files else default


def _label_suffix(part: Part) -> str:
    return f"_{part[0][1].rpartition('/')[2]}_labelIds.png"


def _place(part: Part) -> str:
    tree, folder = part[0]
    return tree.place(folder)


def _near_photos(layout: Layout, part: Part) -> str:
    """Return what the folder of photos holds instead, in words."""
    found = []
    for tree, folder in part:
        for split in tree.entries(folder):
            if fold(split) == "train_extra":
                return f"only {folder}/{split}/, whose labels are in {layout.labels[-1]}/; put that folder beside it"
        found.append(contents(tree, folder))
    return next((words for words in found if words != "none"), "none")
