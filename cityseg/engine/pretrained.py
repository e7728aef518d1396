"""Other models that a run builds on: whose weights it starts from, and which it learns from."""

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
    """A trained model whose probabilities another one learns from (Hinton, Vinyals and Dean, arXiv 1503.02531).

    Args:
        model: (N, 3, H, W) -> (N, 19, H, W) logits, in evaluation mode.
        image_size: (height, width) that the model looks at, whatever the size of the frames.
        normalization: what it expects.
        temperature: what its logits are divided by, as its card says.
    """

    def __init__(
        self, model: nn.Module, image_size: tuple[int, int], normalization: Normalization, temperature: float = 1.0
    ) -> None:
        self.model = model.requires_grad_(False)
        self.image_size, self.normalization, self.temperature = image_size, normalization, temperature

    @classmethod
    def load(cls, folder: Path) -> Teacher:
        """Open a checkpoint, on the CPU; raises CheckpointError where it is none."""
        model, card = checkpoint.load(folder)
        return cls(model, card.image_size, card.normalization, card.temperature)

    def to(self, device: torch.device) -> Teacher:
        """Move to where the frames are."""
        self.model.to(device)
        return self

    @torch.no_grad()
    def probabilities(self, photos: Tensor) -> Tensor:
        """Return what the teacher makes of frames.

        Args:
            photos: (N, H, W, 3), uint8 or float32 in 0 to 255, on the teacher's device.

        Returns:
            (N, 19, H, W) float32, summing to 1 over the classes.
        """
        # A few at a time: a large teacher would need more memory for a batch than training its pupil does.
        return torch.cat([self._look(part) for part in photos.split(_FRAMES)]) if len(photos) else self._look(photos)

    def _look(self, photos: Tensor) -> Tensor:
        x = self.normalization.apply(photos)
        seen = (self.model(_resized(x, self.image_size)).float() / self.temperature).softmax(1)
        return _resized(seen, (x.shape[-2], x.shape[-1]))


@dataclass(frozen=True)
class Given:
    """What a run is given beside its recipe and its frames.

    Attributes:
        weights: of the network, where it does not start from those of the seed.
        teacher: what it learns from beside the labels, if anything.
    """

    weights: dict[str, Tensor] | None = None
    teacher: Teacher | None = None

    @classmethod
    def load(cls, config: ExperimentConfig, folders: Mapping[str, Path]) -> Given:
        """Read the checkpoints that a recipe names; a teacher comes to the CPU.

        Args:
            config: the recipe.
            folders: of the checkpoints, by the setting that names them: ``initial``, ``teacher``.

        Raises:
            CheckpointError, UsageError: one of them is damaged, or the first is of another network.
        """
        return cls(
            initial_weights(config, folders["initial"]) if config.initial else None,
            Teacher.load(folders["teacher"]) if config.teacher else None,
        )


def without_doubtful(labels: Tensor, probabilities: Tensor, least: float) -> Tensor:
    """Return labels with void where a teacher gives their class a probability below ``least``.

    Args:
        labels: (N, H, W) integer train ids.
        probabilities: (N, 19, H, W), the teacher's.
        least: 0 to 1.
    """
    truth = labels.where(labels.ne(IGNORE_INDEX), 0).long()
    return labels.masked_fill(probabilities.gather(1, truth[:, None])[:, 0] < least, IGNORE_INDEX)


NOTHING = Given()
"""For recipes that build on no other model."""


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps at another size: averages over areas where they shrink, bilinear where they grow."""
    if x.shape[-2] > size[0] or x.shape[-1] > size[1]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, size, mode="bilinear", align_corners=False) if x.shape[-2:] != size else x
