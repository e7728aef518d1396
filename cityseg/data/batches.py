"""Batches straight from device memory: a split lives on the device as bytes and is indexed there.

Randomness has no state: the order of an epoch and the draws of a step follow from (seed, epoch, step)
alone, so a resumed run meets exactly the batches it would have met.
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
    """Per-channel mean and deviation of photos in [0, 1], RGB."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def named(cls, name: str) -> Normalization:
        """Return the one called ``none`` or ``imagenet``."""
        return cls(_MEANS[name], _DEVIATIONS[name])

    def apply(self, photos: Tensor) -> Tensor:
        """Turn photos into network input on the same device.

        Args:
            photos: (N, H, W, 3) uint8, or float32 in 0 to 255.

        Returns:
            (N, 3, H, W) float32.
        """
        mean = constants(self.mean, photos.device)[:, None, None].mul(255)
        scale = 1 / constants(self.std, photos.device)[:, None, None].mul(255)
        # Bytes are brought into order before they become four times as long.
        return torch.sub(photos.permute(0, 3, 1, 2).contiguous(), mean).mul_(scale)


class DeviceSplit:
    """A cached split as tensors on the device that trains.

    Attributes:
        photos: (N, H, W, 3) uint8.
        labels: (N, H, W) uint8 train ids.
    """

    def __init__(self, split: CachedSplit, device: torch.device) -> None:
        # np.array copies out of the memory map, so that no page of it has to be read again later.
        self.photos = torch.from_numpy(np.array(split.photos)).to(device)
        self.labels = torch.from_numpy(np.array(split.labels)).to(device)
        self.device = device

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, indices: Tensor, half_size: bool = False) -> tuple[Tensor, Tensor]:
        """Return (photos, labels) of the frames at (B,) ``indices``, optionally at half height and width."""
        # index_select copies whole frames, where indexing looks up byte by byte.
        photos, labels = self.photos.index_select(0, indices), self.labels.index_select(0, indices)
        if not half_size:
            return photos, labels
        photos = F.avg_pool2d(photos.permute(0, 3, 1, 2).float(), 2).round_().byte()
        return photos.permute(0, 2, 3, 1), labels[:, 1::2, 1::2]

    def repeat_factors(self, threshold: float) -> Tensor | None:
        """Return (N,) float64 how much more often each frame is to be drawn, at least 1; None for a threshold of 0.

        A class that a share f of the frames show asks for sqrt(threshold / f), and a frame takes the most that a class
        on it asks for (repeat factor sampling, Gupta, Dollar and Girshick, "LVIS", arXiv 1908.03195, section 3.2).

        Args:
            threshold: share of the frames, 0 to 1; classes on fewer frames are rare.
        """
        if not threshold:
            return None
        shown = torch.stack([self.labels.eq(train_id).flatten(1).any(1) for train_id in range(NUM_CLASSES)], 1).cpu()
        wanted = (threshold / shown.double().mean(0).clamp_min(1 / len(self))).sqrt().clamp_min(1)
        return torch.where(shown, wanted, 1.0).amax(1)

    def class_share(self) -> np.ndarray:
        """Return the (19,) share of each class among all scored pixels."""
        counts = torch.bincount(self.labels.view(-1).cpu(), minlength=256)[:19].double().numpy()
        return counts / max(counts.sum(), 1)


def generator(seed: int, *position: int) -> torch.Generator:
    """Return a CPU random source that depends on the seed and a position (epoch, step) only."""
    state = np.random.SeedSequence([seed, *position]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


def epoch_order(frames: int, seed: int, epoch: int, factors: Tensor | None = None) -> Tensor:
    """Return the ``frames`` indices, (frames,) int64, that this epoch trains on: all of them once, in a drawn order.

    With (frames,) float64 ``factors``, a frame comes as often as its share of their sum says, rounded up or down by
    chance, and the epoch is as long as before.
    """
    random = generator(seed, epoch)
    order = torch.randperm(frames, generator=random)
    if factors is None:
        return order
    # Systematic sampling: equal strides over the factors laid end to end, from a drawn start.
    ends = factors[order].cumsum(0)
    strides = (torch.arange(frames, dtype=torch.float64) + torch.rand((), generator=random)) * (ends[-1] / frames)
    drawn = order[torch.searchsorted(ends, strides, right=True).clamp_max(frames - 1)]
    return drawn[torch.randperm(frames, generator=random)]
