"""Photos that two splits share, which would leak training data into the evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cityseg.data.dataset import SPLITS, Dataset, Frame, Problem, Split
from cityseg.data.prepared.build_cache import SplitMeta


def drop_shared_photos(dataset: Dataset, metas: Mapping[Split, SplitMeta]) -> Dataset:
    """Return the dataset with each photo in one split only, compared by file content.

    The copy nearest to the test split is kept, so that evaluation covers all frames; the others are listed in
    ``Dataset.problems``.

    Raises:
        DataError: a photo can no longer be read.
    """
    seen: dict[str, tuple[Split, Frame]] = {}
    problems: list[Problem] = []
    splits = dict(dataset.splits)
    for split in reversed([split for split in SPLITS if split in metas]):
        checksums = dict(zip(metas[split].frames, metas[split].photo_checksums, strict=True))
        kept = []
        for frame in splits[split]:
            other, twin = seen.get(checksums.get(frame.name, ""), (split, frame))
            # Equal checksums make equal files likely, not certain.
            if twin is not frame and twin.photo.read() == frame.photo.read():
                problems.append(shared_photo(split, frame, other, twin))
            else:
                kept.append(frame)
        splits[split] = tuple(kept)
        seen |= {checksums[frame.name]: (split, frame) for frame in kept if frame.name in checksums}
    return replace(dataset, splits=splits, problems=(*dataset.problems, *problems)) if problems else dataset


def shared_photo(split: Split, frame: Frame, other: Split, twin: Frame) -> Problem:
    """Return the problem of a frame whose photo is also the photo of ``twin`` in another split."""
    message = (
        f"{frame.photo}: expected a photo of this split only, found the same bytes in {other} at {twin.photo}; "
        "remove one"
    )
    return Problem("duplicate", split, str(frame.photo), message)
