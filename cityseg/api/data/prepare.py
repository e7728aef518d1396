"""Prepare the cache of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from cityseg.api.data.connect import connect
from cityseg.data.dataset import SPLITS, Dataset, Split
from cityseg.data.layouts.duplicates import drop_shared_photos
from cityseg.data.prepared import cache
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.scoring import SCORED_SPLITS
from cityseg.progress import OnProgress, part_of

STATISTICS_SIZE = (128, 256)
"""Default (height, width) for statistics."""


def prepare(
    data: str | Dataset | None = None,
    size: tuple[int, int] = STATISTICS_SIZE,
    on_progress: OnProgress | None = None,
    skip_bad: bool = False,
) -> dict[Split, CachedSplit]:
    """Cache every split of a dataset at ``size``.

    Args:
        size: (height, width) in pixels.
        skip_bad: leave out unusable frames, and all but one copy of a photo that two splits share: the copy nearest to
            the test split is kept. ``CachedSplit.meta`` lists the files left out. See ``cache.prepare``.

    Raises:
        DataError: an unusable frame, a photo shared by two splits, or a cache that cannot be written.
    """
    dataset = connect(data, on_progress)
    splits = [
        split
        for split in SPLITS
        if dataset.splits[split] or (not skip_bad and any(problem.split == split for problem in dataset.problems))
    ]
    prepared = _prepare_splits(dataset, splits, size, on_progress, skip_bad)
    deduplicated = drop_shared_photos(dataset, {split: cached.meta for split, cached in prepared.items()})
    changed = [split for split in prepared if deduplicated.splits[split] != dataset.splits[split]]
    return {**prepared, **_prepare_splits(deduplicated, changed, size, on_progress, skip_bad)}


def prepare_scored(
    data: str | Dataset | None, size: tuple[int, int], on_progress: OnProgress | None = None
) -> dict[Split, CachedSplit]:
    """Cache a dataset as ``prepare`` does, and return val and test alone."""
    return {split: cached for split, cached in prepare(data, size, on_progress).items() if split in SCORED_SPLITS}


def _prepare_splits(
    dataset: Dataset, splits: Sequence[Split], size: tuple[int, int], on_progress: OnProgress | None, skip_bad: bool
) -> dict[Split, CachedSplit]:
    waiting = {
        split: len(dataset.splits[split])
        for split in splits
        if dataset.splits[split] and not cache.is_prepared(dataset, split, size)
    }
    before = 0
    prepared: dict[Split, CachedSplit] = {}
    for split in splits:
        part = part_of(on_progress, before, sum(waiting.values()))
        prepared[split] = cache.prepare(dataset, split, size, on_progress=part, skip_bad=skip_bad)
        before += waiting.get(split, 0)
    return prepared
