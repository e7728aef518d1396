"""Frames as a training sees them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cityseg.api.data.connect import connect
from cityseg.config import ExperimentConfig
from cityseg.data.augmentation.augment import Augmentation
from cityseg.data.batches import DeviceSplit, generator
from cityseg.data.prepared.cache import CachedSplit, Meta
from cityseg.data.frame_io import read_label, read_photo, resize_label, resize_photo
from cityseg.data.layouts.detect import Dataset, Frame, Split
from cityseg.errors import UsageError


@dataclass(frozen=True)
class AugmentedView:
    """A frame as the network sees it in one epoch.

    Attributes:
        epoch: counted from 1.
        photo: (H, W, 3) uint8, the network's input before its normalisation.
        train_ids: (H, W) uint8.
    """

    epoch: int
    photo: np.ndarray
    train_ids: np.ndarray


def augmented_views(
    data: str | Dataset | None, split: Split, name: str, config: ExperimentConfig, draws: int = 8, seed: int = 0
) -> tuple[AugmentedView, ...]:
    """Show one frame as training would see it, in epochs spread evenly over the run.

    The frame passes through the very functions of the training step, on the CPU. Where a recipe mixes frames, the
    frame after it in the split is the other one.

    Args:
        data: the dataset, named or connected already.
        split: which split the frame belongs to.
        name: the frame.
        config: the recipe.
        draws: how many views.
        seed: decides the random draws.

    Raises:
        UsageError: the split has no frame of that name.
        DataError: the frame cannot be read.
    """
    dataset = data if isinstance(data, Dataset) else connect(data)
    frames = dataset.splits[split]
    position = next((place for place, frame in enumerate(frames) if frame.name == name), None)
    if position is None:
        raise UsageError(f"unknown frame {name!r}: the {split} split of the connected data holds no such frame")
    pair = [_prepared(dataset, frames[index % len(frames)], config.image_size) for index in (position, position + 1)]
    photos, labels = (np.stack(arrays) for arrays in zip(*pair, strict=True))
    meta = Meta((name,), (frames[position].city,), "", config.image_size)
    two = DeviceSplit(CachedSplit(photos, labels, meta, Path()), torch.device("cpu"))
    epochs = [draw * config.epochs // draws for draw in range(draws)]
    views: list[AugmentedView] = []
    for half_size in (True, False):
        chosen = [epoch for epoch in epochs if (epoch < config.half_size_epochs) == half_size]
        if chosen:
            views += _views(two, chosen, config, half_size, seed)
    return tuple(views)


def _prepared(dataset: Dataset, frame: Frame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Read a frame at the recipe's size, as the cache holds it."""
    photo = read_photo(frame.photo)
    train_ids = read_label(frame.label, (photo.shape[0], photo.shape[1]), dataset.table)
    return resize_photo(photo, size), resize_label(train_ids, size)


def _views(
    two: DeviceSplit, epochs: list[int], config: ExperimentConfig, half_size: bool, seed: int
) -> list[AugmentedView]:
    """Draw the first of two frames once for every epoch, all in one batch in which the second stands between."""
    photos, labels = two.at(torch.arange(2).repeat(len(epochs)), half_size=half_size)
    photos, labels = Augmentation.of(config)(photos, labels, generator(seed, epochs[0]))
    seen = photos[::2].float().round().clamp(0, 255).byte()
    return [
        AugmentedView(epoch + 1, photo.numpy(), train_ids.numpy())
        for epoch, photo, train_ids in zip(epochs, seen, labels[::2], strict=True)
    ]
