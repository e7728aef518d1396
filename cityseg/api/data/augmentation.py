"""Preview augmented training frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cityseg.api.data.connect import connect
from cityseg.api.data.frames import frame_position, read_frame
from cityseg.config import ExperimentConfig
from cityseg.data.augmentation.augment import Augmentation
from cityseg.data.batches import DeviceSplit, generator
from cityseg.data.dataset import Dataset, Split
from cityseg.data.frame_io import resize_label, resize_photo
from cityseg.data.prepared.build_cache import SplitMeta
from cityseg.data.prepared.cache import CachedSplit


@dataclass(frozen=True)
class AugmentedView:
    """A frame as the network sees it in one epoch."""

    epoch: int  # counted from 1
    photo: np.ndarray  # (H, W, 3) uint8, the network input before normalization
    train_ids: np.ndarray  # (H, W) uint8


def augmented_views(
    data: str | Dataset | None, split: Split, name: str, config: ExperimentConfig, draws: int = 8, seed: int = 0
) -> tuple[AugmentedView, ...]:
    """Return one frame as seen in training, in epochs spread evenly over the run.

    Uses the functions of the training step, on the CPU. Configs that mix frames mix in the next frame of the split.

    Raises:
        UsageError: the split has no frame of that name.
        DataError: the frame cannot be read.
    """
    dataset = connect(data)
    frames, position = dataset.splits[split], frame_position(dataset, split, name)
    size = config.image_size
    pair = [read_frame(dataset, frames[index % len(frames)]) for index in (position, position + 1)]
    photos = np.stack([resize_photo(photo, size) for photo, _ in pair])
    labels = np.stack([resize_label(train_ids, size) for _, train_ids in pair])
    meta = SplitMeta((name,), (frames[position].city,), "", size)
    two_frames = DeviceSplit(CachedSplit(photos, labels, meta, Path()), torch.device("cpu"))
    epochs = [draw * config.epochs // draws for draw in range(draws)]
    views: list[AugmentedView] = []
    for half_size in (True, False):
        chosen = [epoch for epoch in epochs if (epoch < config.half_size_epochs) == half_size]
        if chosen:
            views += _views(two_frames, chosen, config, half_size, seed)
    return tuple(views)


def _views(
    two_frames: DeviceSplit, epochs: list[int], config: ExperimentConfig, half_size: bool, seed: int
) -> list[AugmentedView]:
    """Augment the first of two frames once per epoch, in one batch where the two frames alternate."""
    photos, labels = two_frames.at(torch.arange(2).repeat(len(epochs)), half_size=half_size)
    photos, labels = Augmentation.of(config)(photos, labels, generator(seed, epochs[0]))
    photos = photos[::2].float().round().clamp(0, 255).byte()
    return [
        AugmentedView(epoch + 1, photo.numpy(), train_ids.numpy())
        for epoch, photo, train_ids in zip(epochs, photos, labels[::2], strict=True)
    ]
