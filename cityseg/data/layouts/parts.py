"""Find the parts of a published dataset: a folder, an unpacked archive, or the official archives."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path

from cityseg.data.layouts.file_tree import FileTree, FolderTree
from cityseg.data.layouts.names import fold, several
from cityseg.data.layouts.zip_source import ZipTree
from cityseg.errors import DataError

Part = tuple[tuple[FileTree, str], ...]
"""The places that together hold a part: trees, and the part's folder in each."""


def official_archive(part: str) -> str:
    """Return the file name of the official archive of ``leftImg8bit`` or ``gtFine``."""
    return f"{part}_trainvaltest.zip"


def has_part(root: Path, part: str) -> bool:
    """Whether a folder holds a part as a folder or as the official archive; archives are not opened."""
    wanted = (fold(part), fold(official_archive(part)))
    return any(fold(name) in wanted for name in os.listdir(root))


def find_part(tree: FileTree, part: str, *, extra: bool = False, variants: bool = False) -> Part:
    """Find a part: its folder, an archive unpacked into a folder of the archive's name, or archives named after it.

    The official archive of train and val suffices unless ``extra``. With ``variants``, the name of the folder may go on
    after the part's, as in ``leftImg8bit_foggy``, if only one does.

    Raises:
        DataError: an archive cannot be read or lacks the part, or there are several variants.
    """
    folder = tree.folder(part)
    # The archives beside an empty folder may not be unpacked yet.
    if folder is not None and not (isinstance(tree, FolderTree) and _is_empty(tree.root / folder)):
        return ((tree, folder),)
    found = _beside(tree, part, extra) if isinstance(tree, FolderTree) else ()
    if folder is not None:
        return found or ((tree, folder),)
    if found or not variants:
        return found
    begun = [name for name in tree.entries() if fold(name).startswith(f"{fold(part)}_") and tree.folder(name)]
    holding = [name for name in begun if any(fold(below) in ("train", "val") for below in tree.entries(name))]
    if len(holding) > 1:
        raise DataError(
            f"{tree.place()}: expected one folder of photos, found {several(holding)}; move the others away, "
            f"or choose one with dataset.json"
        )
    return tuple((tree, name) for name in holding)


def near_part(tree: FileTree, part: str) -> str:
    """Return the name of an entry that a person may take for a part, such as ``left_img8bit`` or a renamed archive."""
    wanted = _letters(part)
    names = [name for name in tree.entries() if wanted in _letters(name)]
    beginnings = {name: _letters(name.partition(".")[0])[: len(wanted)] for name in tree.entries()}
    close = get_close_matches(wanted, beginnings.values(), n=1, cutoff=0.85)
    return next(iter(names), "") or next((name for name, short in beginnings.items() if short in close), "")


def _is_empty(folder: Path) -> bool:
    return not any(names for _, _, names in os.walk(folder))


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", fold(name))


def _beside(tree: FolderTree, part: str, extra: bool) -> Part:
    archives = []
    for name in tree.entries():
        stem = fold(name).removesuffix(".zip")
        if stem != fold(part) and not stem.startswith(f"{fold(part)}_"):
            continue
        if (tree.root / name).is_dir():
            unpacked = FolderTree(tree.root / name)
            if (folder := unpacked.folder(part)) is not None:
                return ((unpacked, folder),)
        if fold(name).endswith(".zip"):
            archives.append(name)
    official = [name for name in archives if fold(name) == fold(official_archive(part))]
    chosen = official if official and not extra else archives
    return tuple(_in_archive(tree.root / name, part) for name in chosen)


def _in_archive(path: Path, part: str) -> tuple[FileTree, str]:
    whole = ZipTree(path)
    tops = [
        name
        for folder in ("", *whole.entries())
        for entry in whole.entries(folder)
        if fold(entry).startswith(f"{fold(part)}_") and whole.folder(name := f"{folder}/{entry}".lstrip("/"))
    ]
    tree = whole.inner(part)
    folder = tree.folder(part) if tree else None
    if tree is not None and folder is not None:
        return tree, folder
    if len(tops) == 1:
        return whole, tops[0]
    names = whole.everything()
    found = f"{names[0]} and others" if names else "no member"
    raise DataError(f"{path}: expected members named {part}/..., found {found}; use the official archive")
