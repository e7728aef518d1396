"""Statistics of a cached split, computed in one pass over its arrays and stored beside them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from cityseg.classes import NUM_CLASSES
from cityseg.data.prepared import objects
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.prepared.objects import Objects
from cityseg.files import write_atomically
from cityseg.progress import OnProgress

_VERSION = 3
_FILE = "statistics.npz"
_PER_FRAME = ("pixels", "void", "brightness", "contrast")
PRIOR_GRID = (32, 64)
"""(rows, columns) of the spatial prior; fewer for smaller frames."""
_BLOCK_PIXELS = 2**19


@dataclass(frozen=True)
class SplitStatistics:
    """Statistics of one split: name and city of every frame in array order, their (height, width), and counts."""

    frames: tuple[str, ...]
    cities: tuple[str, ...]
    size: tuple[int, int]
    pixels: np.ndarray
    """(N, 19) int64 pixels of each class in each frame."""
    void: np.ndarray
    """(N,) int64 void pixels of each frame."""
    brightness: np.ndarray
    """(N,) float64 mean luma of each photo, 0 to 255: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded per pixel."""
    contrast: np.ndarray
    """(N,) float64 standard deviation of the luma over each photo's pixels, 0 to 127.5."""
    cells: np.ndarray
    """(20, rows, columns) int64 pixels of each class, and void last, by cell of a grid, summed over all frames."""
    objects: Objects

    @cached_property
    def share(self) -> np.ndarray:
        """(19,) share of each class among the labelled pixels of the split; NaN if there are none."""
        return _share(self.pixels)

    @cached_property
    def frequency(self) -> np.ndarray:
        """(19,) number of frames that contain each class."""
        result: np.ndarray = (self.pixels > 0).sum(0)
        return result

    @cached_property
    def void_share(self) -> float:
        """Share of void among all pixels."""
        return float(self.void.sum() / max(1, self.void.sum() + self.pixels.sum()))

    @cached_property
    def cooccurrence(self) -> np.ndarray:
        """(19, 19) int64 number of frames that contain both classes; the diagonal is ``frequency``."""
        present = (self.pixels > 0).astype(np.int64)
        return present.T @ present

    @cached_property
    def prior(self) -> np.ndarray:
        """(19, rows, columns) share of each class among all pixels of each cell; void is the rest."""
        result: np.ndarray = self.cells[:NUM_CLASSES] / self.cells.sum(0)
        return result

    @cached_property
    def city_shares(self) -> dict[str, np.ndarray]:
        """By city, in alphabetical order: (19,) share of each class among its labelled pixels."""
        cities = np.array(self.cities)
        return {str(city): _share(self.pixels[cities == city]) for city in np.unique(cities)}


def compute(split: CachedSplit, on_progress: OnProgress | None = None) -> SplitStatistics:
    """Compute the statistics of a split, or read them if they are already stored beside the cache."""
    arrays = _read(split)
    if arrays is None:
        arrays = _count(split, on_progress)
        _write(split.folder / _FILE, arrays)
    found = Objects(*(arrays[f"object_{field.name}"] for field in fields(Objects)))
    counts = {name: arrays[name] for name in (*_PER_FRAME, "cells")}
    return SplitStatistics(split.meta.frames, split.meta.cities, split.size, objects=found, **counts)


def is_counted(split: CachedSplit) -> bool:
    """Whether ``compute`` would return at once."""
    return _read(split, ["version"]) is not None


def joined(parts: Sequence[SplitStatistics]) -> SplitStatistics:
    """Combine the statistics of several splits of one dataset at one size.

    Raises:
        ValueError: no parts, or parts of different sizes.
    """
    if len({part.size for part in parts}) != 1:
        raise ValueError("expected statistics of one size")
    offsets = np.cumsum([0, *(len(part.frames) for part in parts)])
    found = [part.objects for part in parts]
    return SplitStatistics(
        frames=tuple(chain.from_iterable(part.frames for part in parts)),
        cities=tuple(chain.from_iterable(part.cities for part in parts)),
        size=parts[0].size,
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _PER_FRAME},
        cells=np.sum([part.cells for part in parts], axis=0),
        objects=Objects(
            np.concatenate([each.frame + offset for each, offset in zip(found, offsets[:-1], strict=True)]),
            np.concatenate([each.train_id for each in found]),
            np.concatenate([each.area for each in found]),
        ),
    )


def _share(pixels: np.ndarray) -> np.ndarray:
    total = pixels.sum(0)
    return total / total.sum() if total.sum() else np.full(NUM_CLASSES, np.nan)


def _count(split: CachedSplit, on_progress: OnProgress | None) -> dict[str, np.ndarray]:
    """Count in blocks of frames, which bound the memory use."""
    height, width = split.size
    rows, columns = min(PRIOR_GRID[0], height), min(PRIOR_GRID[1], width)
    row, column = np.arange(height) * rows // height, np.arange(width) * columns // width
    # Cell index in the upper bits, train id in the lower 8, so one bincount counts both.
    cell = (row[:, None] * columns + column) * 256
    cells = np.zeros(rows * columns * 256, np.int64)
    block = max(1, _BLOCK_PIXELS // (height * width))
    counts, luma, found = [], [], []
    for start in range(0, len(split), block):
        labels = np.asarray(split.labels[start : start + block])
        cells += np.bincount((cell + labels).ravel(), minlength=len(cells))
        counts += [np.bincount(train_ids.ravel(), minlength=256) for train_ids in labels]
        luma += [_luma(photo) for photo in split.photos[start : start + block]]
        found += [objects.find(train_ids) for train_ids in labels]
        if on_progress:
            on_progress(len(counts), len(split))
    per_frame = np.stack(counts)
    by_cell = cells.reshape(rows, columns, 256).transpose(2, 0, 1)
    layers = np.concatenate([by_cell[:NUM_CLASSES], by_cell[NUM_CLASSES:].sum(0, keepdims=True)])
    return {
        "version": np.array(_VERSION),
        "pixels": per_frame[:, :NUM_CLASSES],
        "void": per_frame[:, NUM_CLASSES:].sum(1),
        "brightness": np.array([mean for mean, _ in luma]),
        "contrast": np.array([deviation for _, deviation in luma]),
        "cells": layers,
        "object_frame": np.repeat(np.arange(len(found), dtype=np.int32), [len(area) for _, area in found]),
        "object_train_id": np.concatenate([train_id for train_id, _ in found]),
        "object_area": np.concatenate([area for _, area in found]),
    }


def _luma(photo: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of a photo's luma, computed from its histogram."""
    levels = np.arange(256)
    weights = np.array(Image.fromarray(photo).convert("L").histogram())
    mean = float(np.average(levels, weights=weights))
    return mean, float(np.sqrt(np.average((levels - mean) ** 2, weights=weights)))


def _read(split: CachedSplit, names: Sequence[str] | None = None) -> dict[str, np.ndarray] | None:
    """Return the stored arrays of these names, by default all; None if missing, damaged or of another version."""
    try:
        with np.load(split.folder / _FILE, allow_pickle=False) as stored:
            if int(stored["version"]) == _VERSION:
                return {name: stored[name] for name in names or stored.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    return None


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    write_atomically(path, write)
