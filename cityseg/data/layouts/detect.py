"""Detect the layout of a folder or an archive; ``cityscapes``, ``custom`` and ``voc`` list its frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cityseg.data.dataset import Dataset, DatasetKind
from cityseg.data.layouts.cityscapes import LABELS, LAYOUTS, PARTS, PHOTOS, open_published
from cityseg.data.layouts.custom import DATASET_JSON, open_custom
from cityseg.data.layouts.file_tree import FileTree, FolderTree
from cityseg.data.layouts.foreign import foreign
from cityseg.data.layouts.names import IMAGE_SUFFIXES, fold, several
from cityseg.data.layouts.parts import find_part, has_part, near_part, official_archive
from cityseg.data.layouts.voc import PHOTO_FOLDER, open_voc
from cityseg.data.layouts.zip_source import ZipTree
from cityseg.errors import DataError, UsageError

_WANTED = f"a folder with {PHOTOS}/ and {LABELS}/"
_OTHER_ARCHIVES = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".aria2", ".!ut")
_MOST_FOLDERS = 200


def open_folder(root: Path, kind: DatasetKind = "cityscapes", name: str = "") -> Dataset:
    """List the frames of a folder or a zip archive in one of the layouts of ``docs/datasets.md``.

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
    if root.is_dir():
        tree: FileTree = FolderTree(root)
        name = name or root.resolve().name
    elif root.is_file() and _is_whole_dataset(root):
        tree = _whole_archive(root)
        name = name or root.stem
    else:
        raise UsageError(f"{root}: expected {_WANTED}, found {_no_folder(root)}")
    if tree.find(DATASET_JSON) is not None:
        return open_custom(root, tree)
    for layout in LAYOUTS:
        if (dataset := open_published(layout, tree, root, kind, name)) is not None:
            return dataset
    if (dataset := open_voc(root, tree, name)) is not None:
        return dataset
    raise UsageError(f"{root}: expected {_missing(root, tree)}")


def _is_whole_dataset(path: Path) -> bool:
    """Whether a file may be an archive of a whole dataset; the official archives hold one part each."""
    parts = [part for layout in LAYOUTS for part in (layout.photos, *layout.labels)]
    begins = any(fold(path.name).startswith((f"{fold(part)}_", f"{fold(part)}.")) for part in parts)
    return fold(path.name).endswith(".zip") and not begins


def _whole_archive(path: Path) -> ZipTree:
    tree = ZipTree(path)
    parts = [part for layout in LAYOUTS for part in (layout.photos, *layout.labels)]
    for top in (DATASET_JSON, *parts, PHOTO_FOLDER):
        if (inner := tree.inner(top)) is not None:
            return inner
    return tree


def _no_folder(root: Path) -> str:
    if root.is_file():
        if root.name.lower().endswith(_OTHER_ARCHIVES):
            return "an archive that is no zip; unpack it, or pack it as a zip"
        return "a file; name its parent folder"
    above = next((folder for folder in root.parents if folder.is_dir()), None)
    near = [] if above is None or above == Path() else _alike(above, root)
    return f"no such folder; did you mean {near[0]}?" if near else "no such folder"


def _alike(above: Path, path: Path) -> list[Path]:
    """Return the entries of a folder that continue ``path`` when case, Unicode form and outer spaces are ignored."""
    wanted = fold(path.relative_to(above).parts[0]).strip()
    try:
        return [entry for entry in sorted(above.iterdir()) if fold(entry.name).strip() in (wanted, f"{wanted}.zip")]
    except OSError:
        return []


def _missing(root: Path, tree: FileTree) -> str:
    missing = [part for part in PARTS if not find_part(tree, part, variants=part == PHOTOS)]
    archives = {part: official_archive(part) for part in PARTS}
    there = [name for name in archives.values() if tree.find(name) is not None]
    alike = {part: name for part in missing if (name := near_part(tree, part))}
    if len(missing) == 1 and there and archives[missing[0]] not in there:
        found = f"both official archives, found {there[0]} but no {archives[missing[0]]}"
        if alike:
            return f"{found}, only {alike[missing[0]]}; {_remedy(alike[missing[0]], archives[missing[0]])}"
        others = [
            name for name in tree.entries() if name not in there and name.lower().endswith((".zip", *_OTHER_ARCHIVES))
        ]
        return f"{found}{f', only {several(others)}' if others else ''}; put it beside the other"
    if alike:
        part, name = next(iter(alike.items()))
        wanted = archives[part] if fold(name).endswith((".zip", *_OTHER_ARCHIVES, *_UNFINISHED)) else f"{part}/"
        found = several([*alike.values()])
        return f"{_WANTED}, found no {' and no '.join(missing)}, only {found}; {_remedy(name, wanted)}"
    found = f"{_WANTED}, found no {' and no '.join(missing)}"
    near = next((path for path in _around(root) if _is_dataset(path)), None) if root.is_dir() else None
    if near is not None:
        return f"{found}; did you mean {near}?"
    described = next((path for path in tree.everything() if fold(path).rpartition("/")[2].startswith(DATASET_JSON)), "")
    if fold(described).endswith(f"/{DATASET_JSON}"):
        return f"{found}, but {described}; name its folder, or pack that folder alone"
    if described:
        return f"{found}, but {described}; rename it to {DATASET_JSON}"
    if other := foreign(tree):
        remedy = f"export label images with a value or a colour per class, and describe them in a {DATASET_JSON}"
        return f"{found}; {other}: {remedy}"
    images = [name for name in tree.everything() if name.lower().endswith(IMAGE_SUFFIXES)]
    if images and len(missing) == len(PARTS):
        return f"{found} but images ({several(images)}); describe them in a {DATASET_JSON}, see docs/datasets.md"
    return f"{found}; name the folder that holds both, their zips, or {DATASET_JSON}"


def _remedy(name: str, wanted: str) -> str:
    """Return what makes an entry that is named nearly like a part the wanted one."""
    if fold(name).endswith(_UNFINISHED):
        return "finish its download"
    if fold(name).endswith(_OTHER_ARCHIVES):
        return f"unpack it, or pack it as {official_archive(wanted.partition('_')[0])}"
    return f"rename it to {wanted}"


def _around(root: Path) -> Iterator[Path]:
    """Yield the folders near a folder: above, below, and one further."""
    yield root.parent
    below = _folders(root)
    yield from below
    yield root.resolve().parent.parent
    for folder in below:
        yield from _folders(folder)


def _folders(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())[:_MOST_FOLDERS]
        return [entry for entry in entries if entry.is_dir() or entry.suffix.lower() == ".zip"]
    except OSError:
        return []


def _is_dataset(path: Path) -> bool:
    try:
        if path.is_dir():
            return (path / DATASET_JSON).is_file() or all(has_part(path, part) for part in PARTS)
        tree = _whole_archive(path) if _is_whole_dataset(path) else None
        return tree is not None and tree.find(DATASET_JSON) is not None
    except (OSError, DataError):
        return False
