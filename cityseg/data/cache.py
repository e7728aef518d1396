"""The cache: a split, decoded and resized once, as plain arrays on disk.

Decoding full-size PNGs in every epoch costs more than the training itself (``benchmarks/cpu_step.py``). Here it is
paid once per size: ``photos.npy`` (N, H, W, 3) uint8, ``labels.npy`` (N, H, W) uint8 train ids, and
``meta.json``. A finished folder is renamed into place, so a killed preparation leaves nothing behind that
could be taken for a cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from cityseg.data.images import read_label, read_photo, resize_label, resize_photo
from cityseg.data.layout import Dataset, Frame, Split

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all)."""

_VERSION = 1
LABEL_POLICY = "train ids from labelIds, void ignored, nearest pixel"
"""How truth is made; two results under different policies are not comparable."""


@dataclass(frozen=True)
class Meta:
    """What a cached split is made of.

    Attributes:
        frames: frame names in array order.
        cities: city of each frame.
        fingerprint: SHA-256 over the frames' names and their train ids at native size. It names the truth
            independently of file encoding and cache size; results with different fingerprints are not comparable.
        native_size: (height, width) of the first frame on disk.
    """

    frames: tuple[str, ...]
    cities: tuple[str, ...]
    fingerprint: str
    native_size: tuple[int, int]


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
    on_progress: Progress | None = None,
) -> CachedSplit:
    """Return the split at ``size``, decoding it first if no cache of these very files exists.

    Args:
        dataset: the connected dataset.
        split: train, val or test.
        size: (height, width) in pixels.
        root: folder of the caches; ``cache_root()`` by default.
        on_progress: called after every frame that had to be decoded.

    Raises:
        DataError: a frame that cannot be used, named by its path.
    """
    frames = dataset.frames(split)
    folder = (root or cache_root()) / _key(dataset, frames, split, size)
    if (folder / "meta.json").is_file():
        return _open(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}-{threading.get_ident()}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _write(unfinished, frames, size, on_progress)
        try:
            unfinished.rename(folder)
        except OSError:
            if not (folder / "meta.json").is_file():
                raise
            # Another process or thread finished the same cache first; theirs holds the same bytes.
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return _open(folder)


def is_prepared(dataset: Dataset, split: Split, size: tuple[int, int], root: Path | None = None) -> bool:
    """Whether ``prepare`` would return at once."""
    frames = dataset.frames(split)
    return ((root or cache_root()) / _key(dataset, frames, split, size) / "meta.json").is_file()


def _key(dataset: Dataset, frames: tuple[Frame, ...], split: Split, size: tuple[int, int]) -> str:
    """Name the cache after the files (path, bytes, time of change) and the preparation."""
    digest = hashlib.sha256(f"{_VERSION} {LABEL_POLICY} {size}".encode())
    for frame in frames:
        for path in (frame.photo, frame.label):
            status = path.stat()
            digest.update(f"{path.relative_to(dataset.root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return f"{split}-{size[0]}x{size[1]}-{digest.hexdigest()[:16]}"


def _load_frame(frame: Frame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, bytes, tuple[int, int]]:
    photo = read_photo(frame.photo)
    native = photo.shape[0], photo.shape[1]
    train_ids = read_label(frame.label, native)
    digest = hashlib.blake2b(train_ids.tobytes(), digest_size=16, person=b"cityseg").digest()
    return resize_photo(photo, size), resize_label(train_ids, size), digest, native


def _write(folder: Path, frames: tuple[Frame, ...], size: tuple[int, int], on_progress: Progress | None) -> None:
    folder.mkdir()
    count = len(frames)
    photos = np.lib.format.open_memmap(folder / "photos.npy", "w+", np.uint8, (count, *size, 3))
    labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, (count, *size))
    digests = [b""] * count
    native_size = (0, 0)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # A bounded window keeps memory flat however large the split is.
        waiting = iter(range(count))
        running: dict[Future[tuple[np.ndarray, np.ndarray, bytes, tuple[int, int]]], int] = {
            pool.submit(_load_frame, frames[index], size): index for index in islice(waiting, 4 * workers)
        }
        done = 0
        try:
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    index = running.pop(future)
                    photos[index], labels[index], digests[index], native = future.result()
                    native_size = native if index == 0 else native_size
                    done += 1
                    if on_progress:
                        on_progress(done, count)
                    for following in islice(waiting, 1):
                        running[pool.submit(_load_frame, frames[following], size)] = following
        finally:
            for future in running:
                future.cancel()
    photos.flush()
    labels.flush()
    fingerprint = hashlib.sha256()
    for frame, digest in zip(frames, digests, strict=True):
        fingerprint.update(frame.name.encode() + b"\0" + digest)
    meta = Meta(
        frames=tuple(frame.name for frame in frames),
        cities=tuple(frame.city for frame in frames),
        fingerprint=fingerprint.hexdigest(),
        native_size=native_size,
    )
    (folder / "meta.json").write_text(json.dumps(asdict(meta)), encoding="utf-8")


def _open(folder: Path) -> CachedSplit:
    values = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    meta = Meta(
        tuple(values["frames"]),
        tuple(values["cities"]),
        values["fingerprint"],
        (*values["native_size"],),
    )
    photos = np.load(folder / "photos.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy", mmap_mode="r")
    return CachedSplit(photos, labels, meta, folder)
