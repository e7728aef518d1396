"""The cache: a split, decoded and resized once, as plain arrays on disk.

Decoding full-size PNGs in every epoch costs more than the training itself (``cityseg bench`` shows the ratio). Here it
is paid once per size: ``photos.npy`` (N, H, W, 3) uint8, ``labels.npy`` (N, H, W) uint8 train ids, and
``meta.json``. A finished folder is renamed into place, so a killed preparation leaves nothing behind that
could be taken for a cache, and only one process or thread at a time fills the same folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cityseg.data.layouts.detect import Dataset, Frame, Problem, Split
from cityseg.data.layouts.source_file import StoredFile
from cityseg.data.prepared.build_cache import fill
from cityseg.data.prepared.cache_lock import UNFINISHED, alone, expect_room, writing
from cityseg.errors import DataError
from cityseg.files import write_json
from cityseg.progress import OnProgress

LABEL_POLICY = "train ids from labelIds, void ignored, nearest pixel"
"""How truth is made; two results under different policies are not comparable."""

_VERSION = 4


@dataclass(frozen=True)
class Meta:
    """What a cached split is made of.

    Attributes:
        frames: frame names in array order.
        cities: city of each frame.
        fingerprint: SHA-256 over the frames' names and checksums of their train ids at native size. It names the truth
            independently of file encoding and cache size; results with different fingerprints are not comparable.
        native_size: (height, width) of the first frame on disk.
        photo_checksums: CRC-32 and length of each photo's file; equal files have equal ones.
        skipped: paths of what was left out because it could not be used; a frame left out is named by its photo.
    """

    frames: tuple[str, ...]
    cities: tuple[str, ...]
    fingerprint: str
    native_size: tuple[int, int]
    photo_checksums: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class CachedSplit:
    """A split at one size.

    Attributes:
        photos: (N, H, W, 3) uint8, memory-mapped and read-only.
        labels: (N, H, W) uint8 train ids, memory-mapped and read-only.
        meta: frames, cities and fingerprint.
        folder: where it lies.
    """

    photos: np.ndarray
    labels: np.ndarray
    meta: Meta
    folder: Path

    def __len__(self) -> int:
        return len(self.meta.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.labels.shape[1], self.labels.shape[2]


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
    """Return the split at ``size``, decoding it first if no cache of these very files exists.

    If another process or thread is preparing the same, this waits for its result and logs that it does.

    Args:
        dataset: the connected dataset.
        split: train, val or test.
        size: (height, width) in pixels.
        root: folder of the caches; ``cache_root()`` by default.
        on_progress: called after every frame that had to be decoded.
        skip_bad: leave out what cannot be used instead of refusing the split; ``Meta.skipped`` names it. Once that
            was asked for, at any size, it holds for later calls until a file of the split changes.

    Raises:
        DataError: a frame that cannot be used, named by its path; or no room or no right to write the cache.
    """
    root = root or cache_root()
    name = _Name.of(dataset, split, size)
    folder = name.find(root)
    if folder is None:
        skip_bad = skip_bad or name.skipping_was_accepted(root)
        if not skip_bad:
            _refuse_problems(dataset, split)
        frames = dataset.frames(split)
        with writing(root), alone(root, str(name)):
            folder = name.find(root) or _build(root, name, dataset, frames, on_progress, skip_bad)
    return _open(folder)


def is_prepared(dataset: Dataset, split: Split, size: tuple[int, int], root: Path | None = None) -> bool:
    """Whether ``prepare`` would return at once.

    Raises:
        DataError: the split has no frame.
    """
    dataset.frames(split)
    return _Name.of(dataset, split, size).find(root or cache_root()) is not None


@dataclass(frozen=True)
class _Name:
    """Names a cache after the files (path, bytes, time of change), what they mean, and the size."""

    split: Split
    size: tuple[int, int]
    digest: str

    @classmethod
    def of(cls, dataset: Dataset, split: Split, size: tuple[int, int]) -> _Name:
        digest = hashlib.sha256(f"{_VERSION} {LABEL_POLICY} {dataset.table.stamp}\n".encode())
        for problem in _problems(dataset, split):
            digest.update(f"{problem.message}\n".encode())
        for frame in dataset.splits[split]:
            digest.update(f"{_stamp(frame.photo)}\n{_stamp(frame.label)}\n".encode())
        return cls(split, size, digest.hexdigest()[:16])

    def __str__(self) -> str:
        return f"{self.split}-{self.size[0]}x{self.size[1]}-{self.digest}"

    def partial(self) -> str:
        return f"{self}-partial"

    def find(self, root: Path) -> Path | None:
        """Return the folder of the whole split, else of the split without what cannot be used."""
        folders = (root / str(self), root / self.partial())
        return next((folder for folder in folders if (folder / "meta.json").is_file()), None)

    def skipping_was_accepted(self, root: Path) -> bool:
        return any(root.glob(f"{self.split}-*x*-{self.digest}-partial"))


def _stamp(file: StoredFile) -> str:
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


def _build(
    root: Path,
    name: _Name,
    dataset: Dataset,
    frames: tuple[Frame, ...],
    on_progress: OnProgress | None,
    skip_bad: bool,
) -> Path:
    """Decode into an unfinished folder and rename it into place; the caller keeps others away."""
    expect_room(root, len(frames) * name.size[0] * name.size[1] * 4)
    unfinished = root / f"{name}{UNFINISHED}"
    try:
        unfinished.mkdir()
        filled = fill(unfinished, frames, dataset.table, name.size, on_progress, skip_bad)
        if not filled.kept:
            raise DataError(
                f"{dataset.root}: expected usable frames in the {name.split} split, found none among {len(frames)}; "
                "run `cityseg data verify`"
            )
        kept = [frames[index] for index in filled.kept]
        left_out = [str(frame.photo) for index, frame in enumerate(frames) if index not in set(filled.kept)]
        meta = Meta(
            frames=tuple(frame.name for frame in kept),
            cities=tuple(frame.city for frame in kept),
            fingerprint=_fingerprint(kept, filled.truths),
            native_size=filled.native_size,
            photo_checksums=filled.photo_checksums,
            skipped=(*(problem.path for problem in _problems(dataset, name.split)), *left_out),
        )
        write_json(unfinished / "meta.json", asdict(meta))
        folder = root / (name.partial() if meta.skipped else str(name))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
        return folder
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fingerprint(frames: list[Frame], truths: tuple[bytes, ...]) -> str:
    digest = hashlib.sha256()
    for frame, truth in zip(frames, truths, strict=True):
        digest.update(frame.name.encode() + b"\0" + truth)
    return digest.hexdigest()


def _open(folder: Path) -> CachedSplit:
    try:
        values = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        meta = Meta(
            frames=tuple(values["frames"]),
            cities=tuple(values["cities"]),
            fingerprint=values["fingerprint"],
            native_size=(*values["native_size"],),
            photo_checksums=tuple(values["photo_checksums"]),
            skipped=tuple(values["skipped"]),
        )
        photos = np.load(folder / "photos.npy", mmap_mode="r")
        labels = np.load(folder / "labels.npy", mmap_mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder}: expected a whole cache, found a damaged one ({error}); delete it") from None
    return CachedSplit(photos, labels, meta, folder)
