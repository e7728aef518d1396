"""Pretrained inputs of a run: initial weights and a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cityseg import checkpoint
from cityseg.classes import IGNORE_INDEX
from cityseg.config import ExperimentConfig
from cityseg.data.batches import Normalization
from cityseg.engine.init_weights import initial_weights

_FRAMES = 16


class Teacher:
    """A trained model for distillation (Hinton, Vinyals and Dean, arXiv 1503.02531), in evaluation mode.

    Frames are resized to its (height, width) ``image_size``; ``temperature`` divides its logits, as in its card.
    """

    def __init__(
        self, model: nn.Module, image_size: tuple[int, int], normalization: Normalization, temperature: float = 1.0
    ) -> None:
        self.model = model.requires_grad_(False)
        self.image_size, self.normalization, self.temperature = image_size, normalization, temperature

    @classmethod
    def load(cls, folder: Path) -> Teacher:
        """Load a checkpoint on the CPU; raises CheckpointError."""
        model, card = checkpoint.load(folder)
        return cls(model, card.image_size, card.normalization, card.temperature)

    def to(self, device: torch.device) -> Teacher:
        """Move the model to the device of the frames."""
        self.model.to(device)
        return self

    @torch.no_grad()
    def probabilities(self, photos: Tensor) -> Tensor:
        """Return the (N, 19, H, W) float32 class probabilities of (N, H, W, 3) photos, uint8 or float32 in 0 to 255."""
        # In parts: for a whole batch a large teacher would need more memory than training the student.
        return torch.cat([self._predict(part) for part in torch.split(photos, _FRAMES)])

    def _predict(self, photos: Tensor) -> Tensor:
        x = self.normalization.apply(photos)
        probabilities = (self.model(_resized(x, self.image_size)).float() / self.temperature).softmax(1)
        return _resized(probabilities, (x.shape[-2], x.shape[-1]))


@dataclass(frozen=True)
class PretrainedInputs:
    """Models that a run builds on."""

    weights: dict[str, Tensor] | None = None  # initial weights, or None for random ones
    teacher: Teacher | None = None  # for distillation, or None

    @classmethod
    def load(cls, config: ExperimentConfig, folders: Mapping[str, Path]) -> PretrainedInputs:
        """Load the checkpoints that a config names, on the CPU, from folders by setting (``initial``, ``teacher``).

        Raises CheckpointError for a damaged checkpoint, UsageError for initial weights of another network.
        """
        return cls(
            initial_weights(config, folders["initial"]) if config.initial else None,
            Teacher.load(folders["teacher"]) if config.teacher else None,
        )


def drop_doubtful_labels(labels: Tensor, probabilities: Tensor, least: float) -> Tensor:
    """Set (N, H, W) labels to void if the teacher's (N, 19, H, W) probability of their class is below ``least``."""
    truth = labels.where(labels.ne(IGNORE_INDEX), 0).long()
    return labels.masked_fill(probabilities.gather(1, truth[:, None])[:, 0] < least, IGNORE_INDEX)


NO_PRETRAINED = PretrainedInputs()
"""For configs without pretrained models."""


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps: area average to shrink, bilinear to enlarge."""
    if x.shape[-2] > size[0] or x.shape[-1] > size[1]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, size, mode="bilinear", align_corners=False) if x.shape[-2:] != size else x
