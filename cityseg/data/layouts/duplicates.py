"""Photos that lie in two splits: a model would be scored on what it has learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cityseg.data.layouts.detect import SPLITS, Dataset, Frame, Problem, Split
from cityseg.data.prepared.cache import Meta


def without_shared_photos(dataset: Dataset, metas: Mapping[Split, Meta]) -> Dataset:
    """Return the dataset with each photo in one split alone, told by the bytes of the files.

    The copy nearest to the test split stays, so that scores still speak of all their frames; every other is named in
    ``Dataset.problems``.

    Args:
        dataset: the connected dataset.
        metas: what the cached splits hold.

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
            # Equal checksums only make it likely.
            if twin is not frame and twin.photo.read() == frame.photo.read():
                sentence = f"expected a photo of this split alone, found the same bytes in {other} at {twin.photo}"
                problems.append(Problem("duplicate", split, str(frame.photo), f"{frame.photo}: {sentence}; remove one"))
            else:
                kept.append(frame)
        splits[split] = tuple(kept)
        seen |= {checksums[frame.name]: (split, frame) for frame in kept if frame.name in checksums}
    return replace(dataset, splits=splits, problems=(*dataset.problems, *problems)) if problems else dataset
