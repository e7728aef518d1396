"""Everything a training step needs, without a run: for preflight checks, which keep no weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cityseg.classes import NUM_CLASSES
from cityseg.config import ExperimentConfig
from cityseg.data.batches import DeviceSplit, epoch_order
from cityseg.data.prepared.build_cache import SplitMeta
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.deep_supervision import supervised
from cityseg.engine.pretrained import NO_PRETRAINED, PretrainedInputs
from cityseg.engine.step import WeightAverage, build_network, build_optimizer, make_train_step
from cityseg.losses.segmentation import SegmentationLoss


class Setup:
    """A config's network with its initial weights, its loss, optimiser and step function."""

    def __init__(
        self,
        config: ExperimentConfig,
        frames: CachedSplit,
        device: torch.device,
        pretrained: PretrainedInputs = NO_PRETRAINED,
    ) -> None:
        self.config, self.device = config, device
        self.split = DeviceSplit(frames, device)
        self.model = build_network(config, device).train()
        self.trained = supervised(config, self.model)
        if pretrained.weights:
            self.model.load_state_dict(pretrained.weights)
        self.average = WeightAverage(self.model, config.ema_decay) if config.ema_decay else None
        if config.compile:
            for network in {self.model, self.trained}:
                network.compile()
        self.loss = SegmentationLoss.of(config, self.split.class_share()).to(device)
        self.optimizer = build_optimizer(config, self.trained)
        teacher = pretrained.teacher.to(device) if pretrained.teacher else None
        self._step = make_train_step(config, self.trained, self.loss, self.optimizer, self.split, self.average, teacher)
        self._factors = self.split.repeat_factors(config.rare_frames)
        self._order = torch.empty(0, dtype=torch.int64)
        self._ordered = -1

    def step(self, number: int, learning_rate: float, *, first_epoch: int = 0) -> Tensor:
        """Do optimiser step ``number``, counted from 0, on the batch that a run would use; return its loss.

        ``first_epoch`` is the epoch of step 0, for configs whose first epochs differ.
        """
        size = self.config.batch_size
        epoch, position = divmod(number, -(-len(self.split) // size))
        epoch += first_epoch
        if self._ordered != epoch:
            self._order, self._ordered = epoch_order(len(self.split), self.config.seed, epoch, self._factors), epoch
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        return self._step(self._order[position * size : (position + 1) * size], epoch, position)


def portion(split: CachedSplit, count: int) -> CachedSplit:
    """Return ``count`` evenly spaced frames of a split, or all of them if it has fewer."""
    indices = np.linspace(0, len(split) - 1, min(count, len(split))).astype(int)
    meta = SplitMeta(
        frames=tuple(split.meta.frames[index] for index in indices),
        cities=tuple(split.meta.cities[index] for index in indices),
        fingerprint="",
        native_size=split.meta.native_size,
    )
    return CachedSplit(split.photos[indices], split.labels[indices], meta, split.folder)


def random_frames(count: int, size: tuple[int, int]) -> CachedSplit:
    """Return ``count`` frames of noise at (height, width) ``size``, which take as long as real ones."""
    random = np.random.default_rng(0)
    photos = random.integers(0, 256, (count, *size, 3), dtype=np.uint8)
    labels = random.integers(0, NUM_CLASSES, (count, *size), dtype=np.uint8)
    names = tuple(f"random_{index:06d}" for index in range(count))
    return CachedSplit(photos, labels, SplitMeta(names, ("random",) * count, "", size), Path())
