"""Read single frames of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cityseg.api.data.connect import connect
from cityseg.data.dataset import Dataset, Frame, Split
from cityseg.data.frame_io import read_label, read_photo
from cityseg.errors import UsageError


@dataclass(frozen=True)
class FrameView:
    """One frame at its native size."""

    name: str
    city: str
    photo: np.ndarray  # (H, W, 3) uint8
    train_ids: np.ndarray  # (H, W) uint8
    files: Frame  # the photo and label files


def frame_view(data: str | Dataset | None, split: Split, name: str) -> FrameView:
    """Read one frame of a dataset at its native size; UsageError for an unknown name."""
    dataset = connect(data)
    frame = dataset.splits[split][frame_position(dataset, split, name)]
    return FrameView(name, frame.city, *read_frame(dataset, frame), frame)


def frame_position(dataset: Dataset, split: Split, name: str) -> int:
    """Return the position of a frame in its split; UsageError for an unknown name."""
    for position, frame in enumerate(dataset.splits[split]):
        if frame.name == name:
            return position
    raise UsageError(f"unknown frame {name!r}: the {split} split of the connected data holds no such frame")


def read_frame(dataset: Dataset, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Read (H, W, 3) uint8 photo and (H, W) uint8 train ids; DataError for damaged files."""
    photo = read_photo(frame.photo)
    return photo, read_label(frame.label, (photo.shape[0], photo.shape[1]), dataset.table, frame.photo)
