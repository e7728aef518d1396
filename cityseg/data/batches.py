"""Batches from device memory: a split is stored on the device as uint8 and indexed there.

Random numbers depend on (seed, epoch, step) only, so a resumed run sees exactly the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cityseg.classes import NUM_CLASSES
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.transfer import constants

_MEANS = {"none": (0.0, 0.0, 0.0), "imagenet": (0.485, 0.456, 0.406)}
_DEVIATIONS = {"none": (1.0, 1.0, 1.0), "imagenet": (0.229, 0.224, 0.225)}


@dataclass(frozen=True)
class Normalization:
    """Per-channel RGB mean and standard deviation of photos in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def named(cls, name: str) -> Normalization:
        """Return the normalization named ``none`` or ``imagenet``."""
        return cls(_MEANS[name], _DEVIATIONS[name])

    def apply(self, photos: Tensor) -> Tensor:
        """Convert (N, H, W, 3) photos, uint8 or float32 in 0 to 255, to (N, 3, H, W) float32 network input."""
        mean = constants(self.mean, photos.device)[:, None, None].mul(255)
        scale = 1 / constants(self.std, photos.device)[:, None, None].mul(255)
        # Transposing uint8 moves a quarter of the bytes of float32.
        return torch.sub(photos.permute(0, 3, 1, 2).contiguous(), mean).mul_(scale)


class DeviceSplit:
    """A cached split on the training device: (N, H, W, 3) uint8 photos and (N, H, W) uint8 train ids."""

    def __init__(self, split: CachedSplit, device: torch.device) -> None:
        # np.array copies out of the memory map, so pages are not read again later.
        self.photos = torch.from_numpy(np.array(split.photos)).to(device)
        self.labels = torch.from_numpy(np.array(split.labels)).to(device)
        self.device = device

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, indices: Tensor, half_size: bool = False) -> tuple[Tensor, Tensor]:
        """Return (photos, labels) of the frames at (B,) ``indices``, optionally at half height and width."""
        # index_select copies whole frames; indexing would gather byte by byte.
        photos, labels = self.photos.index_select(0, indices), self.labels.index_select(0, indices)
        if not half_size:
            return photos, labels
        photos = F.avg_pool2d(photos.permute(0, 3, 1, 2).float(), 2).round_().byte()
        return photos.permute(0, 2, 3, 1), labels[:, 1::2, 1::2]

    def repeat_factors(self, threshold: float) -> Tensor | None:
        """Return the (N,) float64 repeat factors of the frames, at least 1, or None for a threshold of 0.

        A class in a share f of the frames, below the threshold, has the factor sqrt(threshold / f); a frame has the
        largest factor of its classes (repeat factor sampling, Gupta, Dollar and Girshick, "LVIS", arXiv 1908.03195,
        section 3.2).
        """
        if not threshold:
            return None
        present = torch.stack([self.labels.eq(train_id).flatten(1).any(1) for train_id in range(NUM_CLASSES)], 1).cpu()
        factors = (threshold / present.double().mean(0).clamp_min(1 / len(self))).sqrt().clamp_min(1)
        return torch.where(present, factors, 1.0).amax(1)

    def class_share(self) -> np.ndarray:
        """Return the (19,) share of each class among all labelled pixels."""
        counts = torch.bincount(self.labels.view(-1).cpu(), minlength=256)[:19].double().numpy()
        result: np.ndarray = counts / max(counts.sum(), 1)
        return result


def generator(seed: int, *position: int) -> torch.Generator:
    """Return a CPU generator that depends only on the seed and a position (epoch, step)."""
    state = np.random.SeedSequence([seed, *position]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


def epoch_order(frames: int, seed: int, epoch: int, factors: Tensor | None = None) -> Tensor:
    """Return the (frames,) int64 frame indices of an epoch: a random permutation.

    With (frames,) float64 ``factors``, frames are sampled in proportion to them, their counts rounded up or down at
    random, and the length of the epoch stays the same.
    """
    random = generator(seed, epoch)
    order = torch.randperm(frames, generator=random)
    if factors is None:
        return order
    # Systematic sampling: equal strides over the cumulative factors from a random start.
    ends = factors[order].cumsum(0)
    strides = (torch.arange(frames, dtype=torch.float64) + torch.rand((), generator=random)) * (ends[-1] / frames)
    sampled = order[torch.searchsorted(ends, strides, right=True).clamp_max(frames - 1)]
    return sampled[torch.randperm(frames, generator=random)]
