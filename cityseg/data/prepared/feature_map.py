"""The map of a dataset as it is stored beside the caches: features and positions of all frames, seen by one model.

A file is named after the weights and the caches it was computed from, so that it is never taken for another's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cityseg.data.dataset import Split
from cityseg.data.prepared.cache import CachedSplit
from cityseg.files import read_arrays, write_arrays

_VERSION = 1
_MOST_CHANNELS = 2**14


@dataclass(frozen=True)
class FeatureMap:
    """Features and positions of N frames, split by split, each split in the order of its cache."""

    names: tuple[str, ...]
    splits: np.ndarray
    """(N,) split of each frame."""
    cities: np.ndarray
    """(N,) city of each frame, empty if it is not recorded."""
    features: np.ndarray
    """(N, C) float32 pooled features, see ``cityseg.inference.features``."""
    positions: np.ndarray
    """(N, 2) float32 positions from -1 to 1, see ``cityseg.analysis.dataset.embedding.layout``."""

    @classmethod
    def of(cls, prepared: Mapping[Split, CachedSplit], features: np.ndarray, positions: np.ndarray) -> FeatureMap:
        """Join features and positions with the frames of all splits."""
        splits = np.array([split for split, cached in prepared.items() for _ in cached.meta.frames])
        cities = np.array([city for cached in prepared.values() for city in cached.meta.cities])
        return cls(_names(prepared), splits, cities, features, positions)


def map_path(prepared: Mapping[Split, CachedSplit], weights: str) -> Path:
    """Return the file of a map, beside the caches; ``weights`` is the digest of the model's weights."""
    digest = hashlib.sha256(f"{_VERSION} {weights}\n".encode())
    for cached in prepared.values():
        digest.update(f"{cached.folder.name} {cached.meta.fingerprint}\n".encode())
    return next(iter(prepared.values())).folder.parent / f"map-{digest.hexdigest()[:32]}.npz"


def read_map(path: Path, prepared: Mapping[Split, CachedSplit]) -> FeatureMap | None:
    """Return the stored map of these splits; None if there is none, or a damaged or foreign file, to be made anew."""
    names = _names(prepared)
    try:
        stored = read_arrays(path)
        if int(stored["version"]) != _VERSION or tuple(stored["names"].tolist()) != names:
            return None
        features, positions = stored["features"], stored["positions"]
    except (OSError, ValueError, TypeError, LookupError):
        return None
    fits = (
        features.ndim == 2
        and len(features) == len(names)
        and 0 < features.shape[1] <= _MOST_CHANNELS
        and positions.shape == (len(names), 2)
        and all(each.dtype == np.float32 and np.isfinite(each).all() for each in (features, positions))
    )
    return FeatureMap.of(prepared, features, positions) if fits else None


def write_map(path: Path, found: FeatureMap) -> None:
    """Write a map atomically."""
    arrays = {"names": np.array(found.names), "features": found.features, "positions": found.positions}
    write_arrays(path, version=np.array(_VERSION), **arrays)


def _names(prepared: Mapping[Split, CachedSplit]) -> tuple[str, ...]:
    return tuple(name for cached in prepared.values() for name in cached.meta.frames)
