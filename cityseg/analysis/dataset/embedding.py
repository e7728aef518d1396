"""Frames as points: a two-dimensional map of their features, nearest neighbours, near duplicates and outliers.

Two frames are as similar as the cosine of the angle between their feature vectors: 1 for equal directions, 0 for
orthogonal ones. The distance of two frames is 1 minus their similarity.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MOST_FRAMES = 20_000
"""Frames up to which ``layout`` is a t-SNE; beyond, its time would exceed some minutes."""
OUTLIER_RANK = 10
"""Rank of the neighbour whose distance makes a frame an outlier."""
_COMPONENTS = 50
_PERPLEXITY = 30.0
_FEWEST = 5
"""Frames from which a t-SNE has a meaning."""
_BLOCK = 2048
"""Rows of the similarity matrix that are in memory at once."""


class Neighbours(NamedTuple):
    """The K most similar other frames of each frame, most similar first."""

    frames: np.ndarray  # (N, K) int64 positions
    similarity: np.ndarray  # (N, K) float32


class Pairs(NamedTuple):
    """Pairs of similar frames, most similar first."""

    first: np.ndarray  # (P,) int64 positions, less than `second`
    second: np.ndarray  # (P,) int64 positions
    similarity: np.ndarray  # (P,) float32
    total: int  # number of pairs above the threshold, of which the first P are listed


def unit(features: np.ndarray) -> np.ndarray:
    """Scale the rows of (N, C) features to length 1, as float32; a row of zeros stays."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    result: np.ndarray = (features / np.where(length > 0, length, 1)).astype(np.float32)
    return result


def layout(features: np.ndarray) -> np.ndarray:
    """Return (N, 2) float32 positions at which similar frames lie close together, between -1 and 1.

    Rows of length 1 are reduced to at most 50 principal components, then by t-SNE (van der Maaten and Hinton,
    "Visualizing Data using t-SNE", JMLR 9, 2008) with a perplexity of 30, starting from the first two components, so
    that the result is reproducible. Fewer than 5 and more than ``MOST_FRAMES`` frames get these two components.

    Args:
        features: (N, C) float32.
    """
    # Imported here: only the process that computes a map needs it, and it takes seconds to load.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    rows = unit(features)
    count = min(_COMPONENTS, *rows.shape)
    if len(rows) < 2 or np.ptp(rows, axis=0).max() < 1e-6:
        return np.zeros((len(rows), 2), np.float32)
    reduced = PCA(count, svd_solver="covariance_eigh").fit_transform(rows)
    if _FEWEST <= len(rows) <= MOST_FRAMES:
        start = _two_columns(reduced) / reduced[:, 0].std() * 1e-4
        perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
        tsne = TSNE(2, init=start.astype(np.float32), perplexity=perplexity, random_state=0)
        # Threads meet after each of its thousand short steps: beside other work, two are slower than one. A single one
        # also adds up in the same order every time.
        with threadpool_limits(1):
            positions = tsne.fit_transform(reduced)
    else:
        positions = _two_columns(reduced)
    positions = positions - positions.mean(0)
    result: np.ndarray = (positions / np.abs(positions).max()).astype(np.float32)
    return result


def _two_columns(reduced: np.ndarray) -> np.ndarray:
    return np.pad(reduced[:, :2], ((0, 0), (0, max(0, 2 - reduced.shape[1]))))


def similarities(features: np.ndarray, index: int) -> np.ndarray:
    """Return the (N,) float32 similarity of every frame to the one at ``index``."""
    rows = unit(features)
    result: np.ndarray = rows @ rows[index]
    return result


def nearest(features: np.ndarray, count: int) -> Neighbours:
    """Return the ``count`` nearest neighbours of every frame, fewer if there are fewer other frames."""
    rows = unit(features)
    count = min(count, len(rows) - 1)
    found, values = np.zeros((len(rows), count), np.int64), np.zeros((len(rows), count), np.float32)
    for start in range(0, len(rows), _BLOCK):
        similarity = rows[start : start + _BLOCK] @ rows.T
        own = np.arange(len(similarity))
        similarity[own, start + own] = -np.inf
        # Sorting whole rows would take most of the time.
        largest = np.argpartition(-similarity, max(0, count - 1), axis=1)[:, :count]
        value = np.take_along_axis(similarity, largest, 1)
        order = np.lexsort((largest, -value))
        found[start : start + _BLOCK] = np.take_along_axis(largest, order, 1)
        values[start : start + _BLOCK] = np.take_along_axis(value, order, 1)
    return Neighbours(found, values)


def near_duplicates(
    features: np.ndarray,
    threshold: float,
    limit: int,
    *,
    groups: np.ndarray | None = None,
    among: np.ndarray | None = None,
) -> Pairs:
    """Return the pairs whose similarity is at least ``threshold``, which is positive; at most ``limit`` of them.

    Args:
        features: (N, C) float32.
        groups: (N,) group of each frame; only pairs of different groups count.
        among: (N,) bool; only pairs with at least one of these frames count.
    """
    rows = unit(features)
    first, second, values = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    total = 0
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        similarity = np.triu(rows[block] @ rows[start:].T, 1)
        near = similarity >= threshold
        if groups is not None:
            near &= groups[block, None] != groups[start:]
        if among is not None:
            near &= among[block, None] | among[start:]
        row, column = np.nonzero(near)
        total += len(row)
        first, second = np.append(first, row + start), np.append(second, column + start)
        values = np.append(values, similarity[row, column])
        kept = np.argsort(-values, kind="stable")[:limit]
        first, second, values = first[kept], second[kept], values[kept]
    return Pairs(first, second, np.minimum(values, 1), total)


def isolation(neighbours: Neighbours) -> np.ndarray:
    """Return the (N,) float32 distance of every frame to the last of its neighbours; the largest are outliers.

    The distance to the k-th nearest neighbour as a score of outliers: Ramaswamy, Rastogi and Shim, "Efficient
    algorithms for mining outliers from large data sets", SIGMOD 2000. Zeros without neighbours.
    """
    if not neighbours.similarity.shape[1]:
        return np.zeros(len(neighbours.similarity), np.float32)
    result: np.ndarray = 1 - neighbours.similarity[:, -1]
    return result
