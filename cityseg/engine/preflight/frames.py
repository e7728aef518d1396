"""Frames for preflight checks: a part of a split, or noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cityseg.classes import NUM_CLASSES
from cityseg.data.prepared.build_cache import SplitMeta
from cityseg.data.prepared.cache import CachedSplit


def portion(split: CachedSplit, count: int) -> CachedSplit:
    """Return ``count`` evenly spaced frames of a split, or all of them if it has fewer."""
    indices = np.linspace(0, len(split) - 1, min(count, len(split))).astype(int)
    meta = SplitMeta(
        frames=tuple(split.meta.frames[index] for index in indices),
        cities=tuple(split.meta.cities[index] for index in indices),
        fingerprint="",
        native_size=split.meta.native_size,
    )
    opened = split.open_truth
    truth = (lambda: opened().select(indices.tolist())) if opened else None
    return CachedSplit(split.photos[indices], split.labels[indices], meta, split.folder, truth)


def random_frames(count: int, size: tuple[int, int]) -> CachedSplit:
    """Return ``count`` frames of noise at (height, width) ``size``, which take as long as real ones."""
    random = np.random.default_rng(0)
    photos = random.integers(0, 256, (count, *size, 3), dtype=np.uint8)
    labels = random.integers(0, NUM_CLASSES, (count, *size), dtype=np.uint8)
    names = tuple(f"random_{index:06d}" for index in range(count))
    return CachedSplit(photos, labels, SplitMeta(names, ("random",) * count, "", size), Path())
