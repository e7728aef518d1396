"""Per-frame confusion matrices of an ignite engine's pass; a separate module because importing ignite is slow."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ignite.metrics import ConfusionMatrix
from torch import Tensor

from cityseg.classes import NUM_CLASSES
from cityseg.metrics.counting import frame_confusions, most_probable


class FrameConfusionMatrix(ConfusionMatrix):
    """``ignite.metrics.ConfusionMatrix`` that also keeps the matrix of every frame.

    ``update`` takes (logits or train ids, ground truth). ``compute`` returns the sum, ``per_frame`` the (N, C, C) int64
    matrices in the order of updates.
    """

    def __init__(self, num_classes: int = NUM_CLASSES, device: str | torch.device = "cpu") -> None:
        super().__init__(num_classes=num_classes, device=device)

    def reset(self) -> None:
        """Drop all frames."""
        super().reset()
        self._frames: list[Tensor] = []

    def update(self, output: Any) -> None:
        """Add a batch: (N, C, H, W) logits or (N, H, W) train ids, and (N, H, W) ground truth.

        Frames of several sizes come as two lists of (H, W) train ids.
        """
        if isinstance(output[0], list):
            for pair in zip(*output, strict=True):
                self.update([part[None] for part in pair])
            return
        predictions, truth = output[0].detach(), output[1].detach()
        if predictions.ndim == 4:
            predictions = most_probable(predictions)
        confusions = frame_confusions(truth, predictions, self.num_classes)
        self._frames.append(confusions)
        self._num_examples += len(truth)
        self.confusion_matrix += confusions.sum(0).to(self._device)

    def per_frame(self) -> np.ndarray:
        """Return (N, C, C) int64, one matrix per frame."""
        if not self._frames:
            return np.zeros((0, self.num_classes, self.num_classes), np.int64)
        return torch.cat(self._frames).cpu().numpy()
