"""Connecting, preparing and describing datasets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cityseg.data import cache, layout
from cityseg.data import statistics as counting
from cityseg.data.cache import CachedSplit, Progress
from cityseg.data.images import read_label, read_photo
from cityseg.data.layout import SPLITS, Dataset, Split
from cityseg.data.statistics import SplitStatistics
from cityseg.data.synthetic import synthesize as draw
from cityseg.errors import DataError, UsageError
from cityseg.labels import CLASS_NAMES

SYNTHETIC_FOLDER = Path("data/synthetic")
SYNTHETIC_FRAMES = 160
_MANY_FRAMES = 64
STATISTICS_SIZE = (128, 256)
"""(height, width) at which a dataset is counted when nothing else is asked."""


@dataclass(frozen=True)
class DataInfo:
    """What is connected.

    Attributes:
        spec: what was asked for, usable as ``--data`` again.
        name: what to call it.
        kind: ``cityscapes`` or ``synthetic``.
        frames: number of frames by split.
        cities: names of the cities by split.
        native_size: (height, width) of the first frame on disk.
    """

    spec: str
    name: str
    kind: Literal["cityscapes", "synthetic"]
    frames: dict[Split, int]
    cities: dict[Split, tuple[str, ...]]
    native_size: tuple[int, int]

    @property
    def description(self) -> str:
        """Name and size in words, for model cards."""
        return f"{self.name} at {self.native_size[0]}x{self.native_size[1]}"


@dataclass(frozen=True)
class FrameView:
    """One frame as it lies on disk.

    Attributes:
        name: the frame's name.
        city: where it was recorded.
        photo: (H, W, 3) uint8.
        train_ids: (H, W) uint8.
    """

    name: str
    city: str
    photo: np.ndarray
    train_ids: np.ndarray


def connect(spec: str | None = None, on_progress: Progress | None = None) -> Dataset:
    """Open a dataset: a folder in the official layout, or the word ``synthetic``.

    The synthetic set is drawn on first use, which ``on_progress`` follows.

    Raises:
        UsageError: no such folder, or it is not in the official layout.
        DataError: a photo without its label.
    """
    spec = spec or layout.default_data()
    if spec != "synthetic":
        return layout.open_folder(Path(spec).expanduser())
    if not SYNTHETIC_FOLDER.is_dir():
        try:
            draw(SYNTHETIC_FOLDER, frames=SYNTHETIC_FRAMES, on_progress=on_progress)
        except UsageError:
            # Someone else finished the same set while this one was being drawn; it holds the same bytes.
            if not (SYNTHETIC_FOLDER / "synthetic.json").is_file():
                raise
    return layout.open_folder(SYNTHETIC_FOLDER, "synthetic", "synthetic streets")


def data_info(spec: str | None = None, on_progress: Progress | None = None) -> DataInfo:
    """Describe a dataset by its listing and its first photo; raises what ``connect`` raises."""
    dataset = connect(spec, on_progress)
    first = next(frames[0] for frames in dataset.splits.values() if frames)
    photo = read_photo(first.photo)
    return DataInfo(
        spec=spec or layout.default_data(),
        name=dataset.name,
        kind=dataset.kind,
        frames={split: len(dataset.splits[split]) for split in SPLITS},
        cities={split: tuple(sorted({frame.city for frame in dataset.splits[split]})) for split in SPLITS},
        native_size=(photo.shape[0], photo.shape[1]),
    )


def splits_with_frames(dataset: Dataset) -> tuple[Split, ...]:
    """Return the splits that are not empty."""
    return tuple(split for split in SPLITS if dataset.splits[split])


def prepare(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, on_progress: Progress | None = None
) -> dict[Split, CachedSplit]:
    """Bring every split of a dataset into the cache at ``size``; progress counts frames of all splits.

    Raises:
        UsageError: whatever ``connect`` refuses.
        DataError: a frame that cannot be used.
    """
    dataset = connect(spec, on_progress)
    splits = splits_with_frames(dataset)
    total = sum(len(dataset.splits[split]) for split in splits)
    before = 0
    prepared: dict[Split, CachedSplit] = {}
    for split in splits:

        def forward(done: int, _: int, before: int = before) -> None:
            if on_progress:
                on_progress(before + done, total)

        prepared[split] = cache.prepare(dataset, split, size, on_progress=forward)
        before += len(dataset.splits[split])
    return prepared


def statistics(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, on_progress: Progress | None = None
) -> dict[Split, SplitStatistics]:
    """Count every split at ``size``; raises what ``prepare`` raises."""
    return {split: counting.compute(cached) for split, cached in prepare(spec, size, on_progress).items()}


def stats_report(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Return the figures of ``cityseg data stats --json``: frames, and per split and class share and frequency."""
    report: dict[str, Any] = {"data": spec or layout.default_data(), "size": list(size), "frames": {}, "splits": {}}
    for split, counted in statistics(spec, size, on_progress).items():
        report["frames"][split] = len(counted.frames)
        report["splits"][split] = {
            name: {"share": None if np.isnan(share) else float(share), "frames": int(frequency)}
            for name, share, frequency in zip(CLASS_NAMES, counted.share, counted.frequency, strict=True)
        }
    return report


def frame_view(spec: str | None, split: Split, name: str) -> FrameView:
    """Read one frame at its native size.

    Raises:
        UsageError: the split has no frame of that name.
        DataError: the frame cannot be read.
    """
    for frame in connect(spec).splits[split]:
        if frame.name == name:
            photo = read_photo(frame.photo)
            return FrameView(name, frame.city, photo, read_label(frame.label, (photo.shape[0], photo.shape[1])))
    raise UsageError(f"unknown frame {name!r}: the {split} split of the connected data holds no such frame")


def synthesize(dest: Path, frames: int, seed: int = 0, on_progress: Progress | None = None) -> DataInfo:
    """Draw a synthetic set into a new folder in the official layout, on all cores.

    Raises:
        UsageError: too few frames, or a folder that is taken.
        DataError: the folder cannot be written.
    """
    try:
        # Starting processes takes longer than drawing a few frames.
        workers = (os.cpu_count() or 1) if frames >= _MANY_FRAMES else 1
        draw(dest, frames=frames, seed=seed, on_progress=on_progress, workers=workers)
    except OSError as error:
        raise DataError(f"{dest}: expected a place to write to, found {error.strerror}; choose another") from None
    return data_info(str(dest))
