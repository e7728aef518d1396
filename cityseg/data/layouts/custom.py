"""The custom layout: ``images/``, ``labels/`` and a ``dataset.json`` that maps label values to classes.

``docs/datasets.md`` documents the format field by field.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate, chain
from pathlib import Path, PurePosixPath

from cityseg.classes import LabelTable
from cityseg.data.dataset import SPLITS, Dataset, Split
from cityseg.data.image_io import ENDINGS
from cityseg.data.layouts.dataset_json import DatasetJson, read_dataset_json
from cityseg.data.layouts.frame_selection import FrameSelection, summarize
from cityseg.data.layouts.pairing import Candidate, halves, pair
from cityseg.data.layouts.source_file import SourceFile, list_files
from cityseg.errors import DataError

DATASET_JSON = "dataset.json"
_PHOTO_SUFFIXES = tuple(f".{ending}" for ending in ENDINGS)
_LABEL_SUFFIXES = (".png",)
_LEVELS = 8


def open_custom(root: Path) -> Dataset:
    """List the frames of a folder with ``dataset.json``, ``images/`` and ``labels/``.

    Raises:
        DataError: ``dataset.json`` is invalid, a folder is missing or cannot be listed, or a frame is in two splits or
            in none.
    """
    path = root / DATASET_JSON
    settings = read_dataset_json(SourceFile(path, DATASET_JSON))
    for folder in ("images", "labels"):
        if not (root / folder).is_dir():
            raise DataError(f"{root}: expected images/ and labels/ beside {DATASET_JSON}, found no {folder}/; add it")
    photos = _by_stem(list_files(root, "images", _PHOTO_SUFFIXES, _LEVELS).values())
    labels = _by_stem(list_files(root, "labels", _LABEL_SUFFIXES, _LEVELS).values())
    if not photos:
        raise DataError(f"{root / 'images'}: expected photos ({', '.join(_PHOTO_SUFFIXES)}), found none")
    splits = _splits(root, settings, sorted({*photos, *labels}))
    frames, problems = pair(
        [
            Candidate(
                name=stem.replace("/", "_"),
                city=_city(stem, settings),
                split=split,
                photos=tuple(photos.get(stem, ())),
                label=next(iter(labels.get(stem, ())), None),
                photo_place=f"{root / 'images' / stem}.png or .jpg",
                label_place=f"{root / 'labels' / stem}.png",
            )
            for stem, split in splits.items()
        ]
    )
    table = LabelTable(
        settings.train_ids,
        f"the values that {path} maps ({_ranges(settings.train_ids)})",
        "add them to train_ids, with null if they are not scored",
    )
    return Dataset(settings.name, "described", root, frames, problems, table)


def _by_stem(files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    """Group files by their path below ``images`` or ``labels``, without the suffix."""
    found: dict[str, list[SourceFile]] = {}
    for file in sorted(files, key=lambda file: file.name):
        stem = str(PurePosixPath(*PurePosixPath(file.name).parts[1:]).with_suffix(""))
        found.setdefault(stem, []).append(file)
    return found


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


def _splits(root: Path, settings: DatasetJson, stems: list[str]) -> dict[str, Split]:
    """Return the split of every used frame.

    Raises:
        DataError: a rule matches no frame, or a frame is in two splits or in none.
    """
    path = root / DATASET_JSON
    selection = FrameSelection(stems, _PHOTO_SUFFIXES)
    unused = set(selection.match(settings.unused, path, "unused"))
    used = [stem for stem in stems if stem not in unused]
    chosen: dict[Split, list[str]]
    rules = settings.splits
    if rules is None:
        chosen = {split: [stem for stem in used if stem.startswith(f"{split}/")] for split in SPLITS}
    elif all(isinstance(rule, float) for rule in rules.values()):
        chosen = _by_share(used, {split: rule for split, rule in rules.items() if isinstance(rule, float)})
    else:
        chosen = {}
        for split, rule in rules.items():
            if isinstance(rule, str):
                found = selection.match(_lines(SourceFile(root / rule, rule)), root / rule, split, exact=True)
            else:
                found = selection.match(rule if isinstance(rule, list) else [], path, f"splits.{split}")
            chosen[split] = [stem for stem in found if stem not in unused]
    if not chosen.get("test") and (rules is None or "test" not in rules):
        half = halves(chosen.get("val", []))
        chosen |= {split: [stem for stem in half if half[stem] == split] for split in ("val", "test")}
    return _invert(path, used, chosen)


def _invert(path: Path, stems: list[str], chosen: Mapping[Split, list[str]]) -> dict[str, Split]:
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


def _lines(file: SourceFile) -> list[str]:
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file}: expected a text file with a frame's name per line, found other bytes") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
