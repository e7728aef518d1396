"""What is in a cached split: class shares and frequencies, from one count per frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cityseg.data.cache import CachedSplit
from cityseg.files import write_atomically
from cityseg.labels import NUM_CLASSES


@dataclass(frozen=True)
class SplitStatistics:
    """Counts of one split.

    Attributes:
        frames: names, in array order.
        cities: city of each frame.
        pixels: (N, 19) int64 pixels of each class in each frame.
        void: (N,) int64 pixels that are not scored.
        brightness: (N,) float64 mean grey level of each photo, 0 to 255.
    """

    frames: tuple[str, ...]
    cities: tuple[str, ...]
    pixels: np.ndarray
    void: np.ndarray
    brightness: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """(19,) share of each class among the scored pixels of the split; NaN if nothing is scored."""
        total = self.pixels.sum(0)
        return total / total.sum() if total.sum() else np.full(NUM_CLASSES, np.nan)

    @property
    def frequency(self) -> np.ndarray:
        """(19,) number of frames that hold each class."""
        return (self.pixels > 0).sum(0)


def compute(split: CachedSplit) -> SplitStatistics:
    """Count a split's pixels, or read the counts of an earlier call from beside the cache."""
    path = split.folder / "statistics.npz"
    if not path.is_file():
        _store(split)
    with np.load(path, allow_pickle=False) as stored:
        return SplitStatistics(
            split.meta.frames, split.meta.cities, stored["pixels"], stored["void"], stored["brightness"]
        )


def _store(split: CachedSplit) -> None:
    counts = np.stack([np.bincount(train_ids.ravel(), minlength=256) for train_ids in split.labels])
    brightness = np.array([photo.mean() for photo in split.photos])
    arrays = {"pixels": counts[:, :NUM_CLASSES], "void": counts[:, NUM_CLASSES:].sum(1), "brightness": brightness}

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **arrays)

    write_atomically(split.folder / "statistics.npz", write)
