"""The custom layout: photos, label images of the same names, and a ``dataset.json`` that maps label values to classes.

``docs/datasets.md`` documents the format field by field.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate, chain
from pathlib import Path

from cityseg.classes import ColorTable, LabelTable
from cityseg.data.dataset import SPLITS, Dataset, Split
from cityseg.data.image_io import KINDS
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.layouts.dataset_json import DatasetJson, read_dataset_json
from cityseg.data.layouts.file_tree import FileTree
from cityseg.data.layouts.foreign import foreign
from cityseg.data.layouts.frame_selection import FrameSelection, summarize
from cityseg.data.layouts.name_file import Color, read_classes, read_lines
from cityseg.data.layouts.names import IMAGE_SUFFIXES, composed, fold, join, several, without_ending
from cityseg.data.layouts.near_miss import NearMisses, contents
from cityseg.data.layouts.numberings import NUMBERINGS
from cityseg.data.layouts.pairing import Candidate, empty_splits, halves, pair
from cityseg.errors import DataError

DATASET_JSON = "dataset.json"
_PHOTO_FOLDERS = ("images", "JPEGImages")
_LABEL_FOLDERS = ("labels", "SegmentationClassPNG", "SegmentationClass")
_USUAL = (".png", ".jpg", ".jpeg")
_LABEL_SUFFIXES = (".png",)
_LEVELS = 8


def open_custom(root: Path, tree: FileTree) -> Dataset:
    """List the frames of a folder or archive with ``dataset.json``, photos and label images.

    Raises:
        DataError: ``dataset.json`` is invalid, a folder is missing or cannot be listed, or a frame is in two splits or
            in none.
    """
    file = tree.find(DATASET_JSON)
    if file is None:
        raise DataError(f"{tree.place(DATASET_JSON)}: expected a file, found none")
    return open_described(root, tree, read_dataset_json(file), file)


def open_described(root: Path, tree: FileTree, settings: DatasetJson, source: SourceFile) -> Dataset:
    """List the frames that settings describe; messages about the settings name their ``source``.

    Raises:
        DataError: as raised by ``open_custom``.
    """
    images = _folder(tree, settings.photos, _PHOTO_FOLDERS)
    masks = _folder(tree, settings.labels, _LABEL_FOLDERS)
    settings = settings.model_copy(update={"photos": images, "labels": masks})
    photos, labels = _files(tree, settings)
    if not photos:
        raise DataError(f"{tree.place(images)}: expected photos {_no_photos(tree, settings)}")
    groups = join(photos, labels)
    splits = _splits(root, tree, source, settings, sorted(groups))
    photo_near, label_near = NearMisses([(tree, images)]), NearMisses([(tree, masks)])
    frames, problems = pair(
        [
            Candidate(
                name=stem.replace("/", "_"),
                city=_city(stem, settings),
                split=split,
                photos=tuple(groups[stem][0]),
                labels=tuple(groups[stem][1]),
                photo_place=tree.place(f"{_inside(images)}{stem}{_shown(settings.photo_suffix, '.png or .jpg')}"),
                label_place=tree.place(f"{_inside(masks)}{stem}{_shown(settings.label_suffix, '.png')}"),
                near=_near(groups[stem], stem, photo_near, label_near),
            )
            for stem, split in splits.items()
        ]
    )
    named = [split for split in SPLITS if split == "val" or split in (settings.splits or ())]
    notes = empty_splits(frames, named)
    return Dataset(settings.name, "described", root, frames, problems, _table(tree, settings, source), notes)


def _folder(tree: FileTree, chosen: str | None, usual: tuple[str, ...]) -> str:
    for name in usual if chosen is None else [chosen]:
        if (folder := tree.folder(name)) is not None:
            return folder
    wanted = chosen or usual[0]
    known = {fold(name) for name in (*_PHOTO_FOLDERS, *_LABEL_FOLDERS)}
    others = [
        name
        for name in tree.entries()
        if fold(name) not in known and (tree.folder(name) is not None or fold(name) == f"{fold(wanted)}.zip")
    ]
    if also := foreign(tree):
        remedy = f"{also}: export label images"
    elif others:
        key = "photos" if usual is _PHOTO_FOLDERS else "labels"
        remedy = f'rename or unpack {several(others)}, or name a folder with "{key}"'
    else:
        remedy = "add it"
    beside = f"{chosen}/" if chosen else "images/ and labels/"
    raise DataError(f"{tree.place()}: expected {beside} beside {DATASET_JSON}, found no {wanted}/; {remedy}")


def _shown(suffix: str, usual: str) -> str:
    return suffix if fold(suffix).endswith(IMAGE_SUFFIXES) else f"{suffix}{usual}"


def _near(
    group: tuple[list[SourceFile], list[SourceFile]], stem: str, photo_near: NearMisses, label_near: NearMisses
) -> str:
    photos, labels = group
    return photo_near.beginning(stem) if not photos else label_near.beginning(stem) if not labels else ""


def _by_stem(tree: FileTree, folder: str, endings: tuple[str, ...], suffix: str) -> dict[str, list[SourceFile]]:
    """Group files by their path below a folder, without their suffix; files without it are left out."""
    found: dict[str, list[SourceFile]] = {}
    whole = fold(suffix).endswith(IMAGE_SUFFIXES)
    for name, file in sorted(tree.files(folder, IMAGE_SUFFIXES if whole else endings, _LEVELS).items()):
        path = composed(name).removeprefix(f"{composed(folder)}/" if folder else "")
        stem = without_ending(path, [composed(suffix)]) if whole else without_ending(path, endings)
        if stem and suffix and not whole:
            stem = without_ending(stem, [composed(suffix)])
        if stem and not stem.endswith("/"):
            found.setdefault(stem, []).append(file)
    return found


def _files(tree: FileTree, settings: DatasetJson) -> tuple[dict[str, list[SourceFile]], dict[str, list[SourceFile]]]:
    """Return photos and labels by their paths below their folders, without suffixes.

    If one folder is or holds the other, a file is a label if it can be one, unless only photos have a suffix.
    """
    images, masks = settings.photos or "", settings.labels or ""
    labels = _by_stem(tree, masks, _LABEL_SUFFIXES, settings.label_suffix)
    photos = _by_stem(tree, images, IMAGE_SUFFIXES, settings.photo_suffix)
    if not (_holds(images, masks) or _holds(masks, images)):
        return _photos(photos, labels), labels
    inner = {images: photos, masks: labels}[max(images, masks, key=len)] if images != masks else None
    first = inner or (photos if settings.photo_suffix and not settings.label_suffix else labels)
    taken = {file for files in first.values() for file in files}
    if inner is labels and images != masks:
        # What else lies in the folder of labels, such as pictures of them, is no photo.
        taken |= set(tree.files(masks, IMAGE_SUFFIXES, _LEVELS).values())
    rest = {
        stem: kept
        for stem, files in (labels if first is photos else photos).items()
        if (kept := [file for file in files if file not in taken])
    }
    return (photos, rest) if first is photos else (_photos(rest, labels), labels)


def _holds(folder: str, other: str) -> bool:
    """Whether ``other`` is the folder or lies in it."""
    return folder in ("", other) or other.startswith(f"{folder}/")


def _inside(folder: str) -> str:
    return folder and f"{folder}/"


def _no_photos(tree: FileTree, settings: DatasetJson) -> str:
    """Return what was expected in the folder of photos, and what lies there or elsewhere instead."""
    images, masks = settings.photos or "", settings.labels or ""
    wanted = f"that end in {settings.photo_suffix}" if settings.photo_suffix else f"({KINDS})"
    found = contents(tree, images)
    if images == masks and not settings.label_suffix and found != "none":
        return (
            f"{wanted} beside labels of the same folder, found {found}, which count as labels; "
            'write the ending of their names as "label_suffix"'
        )
    elsewhere = [
        name
        for name in (tree.everything() if found == "none" else ())
        if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith((_inside(images), _inside(masks)))
    ]
    if elsewhere:
        return f'{wanted}, found none, but {several(elsewhere)}; name their folder with "photos"'
    return f"{wanted}, found {found}"


def _photos(found: dict[str, list[SourceFile]], labels: Mapping[str, object]) -> dict[str, list[SourceFile]]:
    """Return the photos: PNG and JPEG, and files of other formats that have a label, or all if there are no others."""
    usual = {stem: kept for stem, files in found.items() if (kept := [file for file in files if _is_usual(file.name)])}
    labelled = {*map(fold, labels)}
    taken = {*map(fold, usual)}
    others = {
        stem: files
        for stem, files in found.items()
        if fold(stem) not in taken and (not usual or fold(stem) in labelled)
    }
    return {**usual, **others}


def _is_usual(name: str) -> bool:
    return name.lower().endswith(_USUAL)


def _table(tree: FileTree, settings: DatasetJson, source: SourceFile) -> LabelTable:
    chosen: dict[int, int] | dict[Color, int] | str = settings.train_ids
    if isinstance(chosen, str) and chosen in NUMBERINGS:
        return NUMBERINGS[chosen]
    if isinstance(chosen, str):
        source = _text_file(tree, chosen)
        chosen = read_classes(source)
    colors = {key: target for key, target in chosen.items() if isinstance(key, tuple)}
    values = {key: target for key, target in chosen.items() if isinstance(key, int)}
    hint = "add them to train_ids, with null if they are not scored"
    if colors:
        return ColorTable(colors, f"the colours that {source} maps", hint)
    return LabelTable(values, f"the values that {source} maps ({_ranges(values)})", hint)


def _text_file(tree: FileTree, name: str) -> SourceFile:
    name = name.replace("\\", "/").removeprefix("./")
    file = tree.find(name)
    if file is None:
        folder = name.rpartition("/")[0]
        there = tree.entries(folder) if not folder or tree.folder(folder) else []
        texts = [entry for entry in there if entry.lower().endswith((".txt", ".csv", ".lst"))]
        raise DataError(f"{tree.place(name)}: expected a file, found {f'only {several(texts)}' if texts else 'none'}")
    return file


def _city(stem: str, settings: DatasetJson) -> str:
    folders = stem.split("/")[:-1]
    if settings.splits is None:
        folders = folders[1:]
    return folders[0] if folders else ""


def _ranges(values: Iterable[int]) -> str:
    ordered = sorted(values)
    starts = [value for value in ordered if value - 1 not in values]
    ends = [value for value in ordered if value + 1 not in values]
    spans = zip(starts, ends, strict=True)
    return ", ".join(str(start) if start == end else f"{start} to {end}" for start, end in spans)


def _splits(
    root: Path, tree: FileTree, source: SourceFile, settings: DatasetJson, stems: list[str]
) -> dict[str, Split]:
    """Return the split of every used frame.

    Raises:
        DataError: a rule matches no frame, or a frame is in two splits or in none.
    """
    selection = FrameSelection(
        stems,
        (settings.photos or "", settings.labels or ""),
        [suffix for suffix in (settings.photo_suffix, settings.label_suffix) if suffix],
        [str(root), str(root.absolute()), str(root.resolve())],
    )
    unused = set(selection.match(settings.unused, str(source), "unused"))
    used = [stem for stem in stems if stem not in unused]
    chosen: dict[Split, list[str]]
    rules = settings.splits
    if rules is None:
        chosen = {split: [stem for stem in used if fold(stem).startswith(f"{split}/")] for split in SPLITS}
    elif all(isinstance(rule, float) for rule in rules.values()):
        chosen = _by_share(used, {split: rule for split, rule in rules.items() if isinstance(rule, float)})
    else:
        chosen = {}
        for split, rule in rules.items():
            if isinstance(rule, str):
                file = _text_file(tree, rule)
                found = selection.match_lines(read_lines(file, "a frame's name"), str(file), split)
            else:
                found = selection.match(rule if isinstance(rule, list) else [], str(source), f"splits.{split}")
            chosen[split] = [stem for stem in found if stem not in unused]
    if not chosen.get("test") and (rules is None or "test" not in rules):
        half = halves(chosen.get("val", []))
        chosen |= {split: [stem for stem in half if half[stem] == split] for split in ("val", "test")}
    return _invert(str(source), used, chosen)


def _invert(path: str, stems: list[str], chosen: Mapping[Split, list[str]]) -> dict[str, Split]:
    splits = {stem: split for split, members in chosen.items() for stem in members}
    repeated = [stem for stem, count in Counter(chain.from_iterable(chosen.values())).items() if count > 1]
    if repeated:
        raise DataError(f"{path}: expected every frame in one split, found {summarize(repeated)} in two; change splits")
    missing = [stem for stem in stems if stem not in splits]
    if missing:
        found = f"{summarize(missing)} in none"
        raise DataError(f"{path}: expected every frame in a split, found {found}; change splits or add to unused")
    return splits


def _by_share(stems: list[str], shares: Mapping[Split, float]) -> dict[Split, list[str]]:
    """Divide the frames, ordered by the SHA-256 of their names, into splits of these shares."""
    ordered = sorted(stems, key=lambda stem: hashlib.sha256(stem.encode()).digest())
    named = [split for split in SPLITS if split in shares]
    ends = [round(total * len(ordered)) for total in accumulate(shares[split] for split in named)]
    return {split: sorted(ordered[start:end]) for split, start, end in zip(named, [0, *ends], ends, strict=False)}
