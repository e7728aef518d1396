"""Connecting, preparing and describing datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cityseg.progress import OnProgress
from cityseg.data.prepared import cache; from cityseg.data.layouts import detect
from cityseg.data.layouts import verify as verifying
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.layouts.duplicates import without_shared_photos
from cityseg.data.frame_io import read_label, read_photo
from cityseg.data.layouts.detect import SPLITS, Dataset, Frame, Kind, Problem, Split
from cityseg.data.synthetic import GENERATOR_VERSION, Daytime, Weather, drawn_version
from cityseg.data.synthetic import synthesize as draw
from cityseg.errors import DataError, UsageError

SYNTHETIC_FOLDER = Path("data/synthetic")
SYNTHETIC_FRAMES = 160
_FRAMES_PER_WORKER = 32
STATISTICS_SIZE = (128, 256)
"""(height, width) at which a dataset is counted when nothing else is asked."""


@dataclass(frozen=True)
class DataInfo:
    """What is connected.

    Attributes:
        spec: what was asked for, usable as ``--data`` again.
        name: what to call it.
        kind: ``cityscapes``, ``synthetic``, or ``described`` for a folder with a ``dataset.json``.
        frames: number of frames by split.
        cities: names of the cities by split.
        native_size: (height, width) of the first frame on disk.
    """

    spec: str
    name: str
    kind: Kind
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
        files: where photo and label are stored.
    """

    name: str
    city: str
    photo: np.ndarray
    train_ids: np.ndarray
    files: Frame


def connect(spec: str | None = None, on_progress: OnProgress | None = None) -> Dataset:
    """Open a dataset: a folder in one of the layouts of ``docs/datasets.md``, or the word ``synthetic``.

    The synthetic set is drawn on first use, and again after the generator changed, which ``on_progress`` follows.
    Frames that cannot be used are named in ``Dataset.problems``.

    Raises:
        UsageError: no such folder, or its layout is not known.
        DataError: no frames, a wrong ``dataset.json``, or an archive that cannot be read.
    """
    spec = spec or detect.default_data()
    if spec != "synthetic":
        return detect.open_folder(Path(spec).expanduser())
    if not synthetic_is_drawn():
        _draw_synthetic(on_progress)
    return detect.open_folder(SYNTHETIC_FOLDER, "synthetic", "synthetic streets")


def synthetic_is_drawn() -> bool:
    """Whether the word ``synthetic`` opens at once: its set is there, and the present generator drew it."""
    return SYNTHETIC_FOLDER.is_dir() and drawn_version(SYNTHETIC_FOLDER) in (None, GENERATOR_VERSION)


def _draw_synthetic(on_progress: OnProgress | None) -> None:
    workers = _drawing_workers(SYNTHETIC_FRAMES)
    try:
        draw(SYNTHETIC_FOLDER, frames=SYNTHETIC_FRAMES, on_progress=on_progress, workers=workers, replace=True)
    except (UsageError, OSError) as error:
        # Someone else may have finished the same set while this one was being drawn; it holds the same bytes.
        if synthetic_is_drawn():
            return
        if isinstance(error, UsageError):
            raise
        raise _unwritable(SYNTHETIC_FOLDER, error) from None


def _drawing_workers(frames: int) -> int:
    """How many processes draw a set; each first spends the time of some twenty frames on its textures."""
    return max(1, min(os.cpu_count() or 1, frames // _FRAMES_PER_WORKER))


def _unwritable(dest: Path, error: OSError) -> DataError:
    return DataError(f"{dest}: expected a place to write to, found {error.strerror}; choose another")


def data_info(spec: str | None = None, on_progress: OnProgress | None = None) -> DataInfo:
    """Describe a dataset by its listing and its first photo.

    Raises:
        UsageError, DataError: what ``connect`` refuses, no frame that can be used, or a damaged first photo.
    """
    dataset = connect(spec, on_progress)
    splits = splits_with_frames(dataset)
    first = dataset.frames(splits[0] if splits else "train")[0]
    photo = read_photo(first.photo)
    return DataInfo(
        spec=spec or detect.default_data(),
        name=dataset.name,
        kind=dataset.kind,
        frames={split: len(dataset.splits[split]) for split in SPLITS},
        cities={split: tuple(sorted({frame.city for frame in dataset.splits[split]})) for split in SPLITS},
        native_size=(photo.shape[0], photo.shape[1]),
    )


@dataclass(frozen=True)
class Verification:
    """What looking at every file of a dataset gave.

    Attributes:
        frames: how many frames were read and decoded.
        problems: everything that is wrong, by kind, split and path.
    """

    frames: int
    problems: tuple[Problem, ...]


def verify(spec: str | None = None, on_progress: OnProgress | None = None) -> Verification:
    """Read and decode every photo and label of a dataset, and list everything that is wrong.

    Raises:
        UsageError, DataError: what ``connect`` refuses.
    """
    dataset = connect(spec, on_progress)
    return Verification(sum(map(len, dataset.splits.values())), verifying.verify(dataset, on_progress))


def splits_with_frames(dataset: Dataset) -> tuple[Split, ...]:
    """Return the splits that are not empty."""
    return tuple(split for split in SPLITS if dataset.splits[split])


def prepare(
    spec: str | None = None,
    size: tuple[int, int] = STATISTICS_SIZE,
    on_progress: OnProgress | None = None,
    skip_bad: bool = False,
) -> dict[Split, CachedSplit]:
    """Bring every split of a dataset into the cache at ``size``.

    Args:
        spec: the dataset.
        size: (height, width) in pixels.
        on_progress: called with (frames done, frames in all) of all splits that had to be decoded.
        skip_bad: leave out what cannot be used, and the copies of photos that two splits share; ``CachedSplit.meta``
            names it. Of a shared photo the copy nearest to the test split stays. See ``cache.prepare``.

    Raises:
        UsageError: whatever ``connect`` refuses.
        DataError: a frame that cannot be used, a photo that two splits share, or a cache that cannot be written.
    """
    dataset = connect(spec, on_progress)
    splits = [
        split
        for split in SPLITS
        if dataset.splits[split] or (not skip_bad and any(problem.split == split for problem in dataset.problems))
    ]
    prepared = _prepare_splits(dataset, splits, size, on_progress, skip_bad)
    apart = without_shared_photos(dataset, {split: cached.meta for split, cached in prepared.items()})
    changed = [split for split in prepared if apart.splits[split] != dataset.splits[split]]
    return {**prepared, **_prepare_splits(apart, changed, size, on_progress, skip_bad)}


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

        def forward(done: int, _: int, before: int = before) -> None:
            if on_progress:
                on_progress(before + done, max(before + done, sum(waiting.values())))

        prepared[split] = cache.prepare(dataset, split, size, on_progress=forward, skip_bad=skip_bad)
        before += waiting.get(split, 0)
    return prepared


def frame_view(data: str | Dataset | None, split: Split, name: str) -> FrameView:
    """Read one frame of a dataset, named or connected already, at its native size.

    Raises:
        UsageError: the split has no frame of that name.
        DataError: the frame cannot be read.
    """
    dataset = data if isinstance(data, Dataset) else connect(data)
    for frame in dataset.splits[split]:
        if frame.name == name:
            photo = read_photo(frame.photo)
            train_ids = read_label(frame.label, (photo.shape[0], photo.shape[1]), dataset.table)
            return FrameView(name, frame.city, photo, train_ids, frame)
    raise UsageError(f"unknown frame {name!r}: the {split} split of the connected data holds no such frame")


def synthesize(
    dest: Path,
    frames: int,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    *,
    size: tuple[int, int] = (256, 512),
    weather: Weather | None = None,
    daytime: Daytime | None = None,
) -> DataInfo:
    """Draw a synthetic set into a new folder in the official layout, on all cores.

    Weather and time of day that are None are drawn per frame: mostly clear, mostly day.

    Raises:
        UsageError: too few frames, a wrong size, weather or time of day, or a folder that is taken.
        DataError: the folder cannot be written.
    """
    workers = _drawing_workers(frames)
    try:
        draw(
            dest,
            frames=frames,
            seed=seed,
            size=size,
            weather=weather,
            daytime=daytime,
            on_progress=on_progress,
            workers=workers,
        )
    except OSError as error:
        raise _unwritable(dest, error) from None
    return data_info(str(dest))
