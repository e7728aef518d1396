"""Checks that a split has labels to learn from, or to measure against."""

from __future__ import annotations

from collections.abc import Mapping

from cityseg.classes import IGNORE_INDEX
from cityseg.data.dataset import Split
from cityseg.data.prepared.cache import CachedSplit
from cityseg.errors import DataError


def is_void(frames: CachedSplit) -> bool:
    """Whether no pixel of a split is scored."""
    return not any((labels != IGNORE_INDEX).any() for labels in frames.labels)


def expect_labels(name: str, splits: Mapping[Split, CachedSplit]) -> None:
    """Raise DataError if no pixel of a dataset's train or val split is scored: nothing to learn, or to measure."""
    for split in ("train", "val"):
        if is_void(splits[split]):
            raise void_error(name, split, len(splits[split]))


def void_error(name: str, split: Split, frames: int) -> DataError:
    """Return the error for a split in which no pixel is scored."""
    return DataError(
        f"{name}: expected labelled pixels in the {split} split, found void alone in "
        f"{'its frame' if frames == 1 else f'all {frames} frames'}; check the labels, and which values of them "
        "dataset.json maps to classes"
    )
