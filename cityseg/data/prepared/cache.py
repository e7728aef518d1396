"""The cache: a split, decoded and resized once, as plain arrays on disk.

Decoding full-size PNGs in every epoch takes longer than the training itself (``cityseg bench`` shows the ratio). The
cache decodes once per size: ``photos.npy`` (N, H, W, 3) uint8, ``labels.npy`` (N, H, W) uint8 train ids, and
``meta.json``. A finished folder is renamed into place, so an interrupted preparation leaves no incomplete cache, and
only one process or thread at a time writes to a folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.data.dataset import Dataset, Problem, Split
from cityseg.data.image_io import READER_VERSION
from cityseg.data.label_numbering import train_ids_warning
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.prepared.build_cache import SplitMeta, fill
from cityseg.data.prepared.cache_lock import UNFINISHED, cache_lock, expect_room, write_errors
from cityseg.data.prepared.ground_truth import GroundTruth, open_ground_truth
from cityseg.errors import DataError
from cityseg.files import write_json
from cityseg.progress import OnProgress

LABEL_POLICY = "train ids from labelIds, void ignored, nearest pixel"
"""How ground truth is made; results under different policies are not comparable."""

_VERSION = f"5 {READER_VERSION}"
_OLDER_VERSIONS = ("4", *(f"5 {reader}" for reader in range(2, READER_VERSION)))
"""What caches of older readers of photos have in place of ``_VERSION``."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CachedSplit:
    """A split at one size; its arrays are memory-mapped and read-only."""

    photos: np.ndarray
    """(N, H, W, 3) uint8."""
    labels: np.ndarray
    """(N, H, W) uint8 train ids."""
    meta: SplitMeta
    folder: Path
    open_truth: Callable[[], GroundTruth] | None = field(default=None, repr=False, compare=False)
    """Opens the labels at their own size; None for frames that were not read from files."""

    def __len__(self) -> int:
        return len(self.meta.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.labels.shape[1], self.labels.shape[2]

    @cached_property
    def truth(self) -> GroundTruth | None:
        """Ground truth at the labels' own size, which scores are measured at; the first use may read all labels.

        Raises:
            DataError: a label cannot be read, or has changed since its frame was prepared.
        """
        return self.open_truth() if self.open_truth else None


def cache_root() -> Path:
    """Return the folder of all caches: ``$CITYSEG_CACHE``, else ``data/cache``."""
    return Path(os.environ.get("CITYSEG_CACHE") or "data/cache")


def prepare(
    dataset: Dataset,
    split: Split,
    size: tuple[int, int],
    *,
    root: Path | None = None,
    on_progress: OnProgress | None = None,
    skip_bad: bool = False,
) -> CachedSplit:
    """Return the split at ``size``; decode it first unless a cache of exactly these files exists.

    If another process or thread is preparing the same cache, logs that and waits for the result. With ``skip_bad``,
    unusable frames are left out and listed in ``SplitMeta.skipped``; once used, at any size, it applies to later calls
    until a file of the split changes. ``root``, the folder of the caches, is ``cache_root()`` by default.

    Raises:
        DataError: an unusable frame, named by its path, or a cache that cannot be written.
    """
    root = root or cache_root()
    name = _CacheName.of(dataset, split, size)
    folder = name.find(root)
    if folder is None:
        older = [_CacheName.of(dataset, split, size, version) for version in _OLDER_VERSIONS]
        skip_bad = skip_bad or any(each.skipping_was_accepted(root) for each in (name, *older))
        if not skip_bad:
            _refuse_problems(dataset, split)
        dataset.frames(split)  # raises for a split without frames
        for outdated in filter(None, (each.find(root) for each in older)):
            _log.warning("%s: made by an older reader of photos; preparing anew, this folder can be deleted", outdated)
        with write_errors(root), cache_lock(root, str(name)):
            folder = name.find(root) or _build(root, name, dataset, on_progress, skip_bad)
    cached = _open(folder)
    for warning in cached.meta.warnings:
        _log.warning("%s", warning)
    by_name = {frame.name: frame for frame in dataset.splits[split]}
    frames = tuple(by_name[name] for name in cached.meta.frames)
    truth = partial(open_ground_truth, root, frames, dataset.table, cached.meta.fingerprint)
    return replace(cached, open_truth=truth)


def is_prepared(dataset: Dataset, split: Split, size: tuple[int, int], root: Path | None = None) -> bool:
    """Whether ``prepare`` would return at once.

    Raises:
        DataError: the split has no frame.
    """
    dataset.frames(split)
    return _CacheName.of(dataset, split, size).find(root or cache_root()) is not None


def known_fingerprint(dataset: Dataset, split: Split, root: Path | None = None) -> str | None:
    """Return the fingerprint of a split that is prepared at any size, else None; reads no frame."""
    digest = _CacheName.of(dataset, split, (0, 0)).digest
    for folder in sorted((root or cache_root()).glob(f"{split}-*x*-{digest}*")):
        if (folder / "meta.json").is_file():
            return _open(folder).meta.fingerprint
    return None


@dataclass(frozen=True)
class _CacheName:
    """Cache name from the files (path, size, modification time), the label table, the image size and the reader."""

    split: Split
    size: tuple[int, int]
    digest: str

    @classmethod
    def of(cls, dataset: Dataset, split: Split, size: tuple[int, int], version: str = _VERSION) -> _CacheName:
        digest = hashlib.sha256(f"{version} {LABEL_POLICY} {dataset.table.stamp}\n".encode())
        for problem in _problems(dataset, split):
            digest.update(f"{problem.message}\n".encode())
        for frame in dataset.splits[split]:
            digest.update(f"{_stamp(frame.photo)}\n{_stamp(frame.label)}\n".encode())
        return cls(split, size, digest.hexdigest()[:16])

    def __str__(self) -> str:
        return f"{self.split}-{self.size[0]}x{self.size[1]}-{self.digest}"

    def find(self, root: Path) -> Path | None:
        """Return the folder of the complete cache, else of the one without unusable frames, else None."""
        folders = (root / str(self), root / f"{self}-partial")
        return next((folder for folder in folders if (folder / "meta.json").is_file()), None)

    def skipping_was_accepted(self, root: Path) -> bool:
        return any(root.glob(f"{self.split}-*x*-{self.digest}-partial"))


def _stamp(file: SourceFile) -> str:
    try:
        return file.stamp()
    except DataError:
        return f"{file.name} cannot be read"


def _problems(dataset: Dataset, split: Split) -> list[Problem]:
    return [problem for problem in dataset.problems if problem.split == split]


def _refuse_problems(dataset: Dataset, split: Split) -> None:
    problems = _problems(dataset, split)
    if problems:
        count = f"the only problem in the {split} split" if len(problems) == 1 else f"1 of {len(problems)} in {split}"
        raise DataError(
            f"{problems[0].message} ({count}); run `cityseg data verify` for a list, or leave such frames out with "
            "`cityseg data prepare --skip-bad`"
        )


def _build(root: Path, name: _CacheName, dataset: Dataset, on_progress: OnProgress | None, skip_bad: bool) -> Path:
    """Decode into an unfinished folder and rename it into place; the caller holds the lock."""
    frames = dataset.splits[name.split]
    expect_room(root, len(frames) * name.size[0] * name.size[1] * 4)
    unfinished = root / f"{name}{UNFINISHED}"
    try:
        unfinished.mkdir()
        meta = fill(unfinished, frames, dataset.table, name.size, on_progress, skip_bad)
        if not meta.frames:
            raise DataError(
                f"{dataset.root}: expected usable frames in the {name.split} split, found none among {len(frames)}; "
                "run `cityseg data verify`"
            )
        problems = (problem.path for problem in _problems(dataset, name.split))
        warnings = tuple(filter(None, [train_ids_warning(dataset, name.split)]))
        meta = replace(meta, skipped=(*problems, *meta.skipped), warnings=warnings)
        write_json(unfinished / "meta.json", asdict(meta))
        folder = root / (f"{name}-partial" if meta.skipped else str(name))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
        return folder
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _open(folder: Path) -> CachedSplit:
    try:
        stored: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        values: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in stored.items()}
        meta = SplitMeta(**values)
        photos = np.load(folder / "photos.npy", mmap_mode="r")
        labels = np.load(folder / "labels.npy", mmap_mode="r")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{folder}: expected a complete cache, found a damaged one ({error}); delete it") from None
    return CachedSplit(photos, labels, meta, folder)
