"""Baselines: untrained networks of other libraries, wrapped to accept photos of any size."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn


class Baseline(nn.Module):
    """Pads photos to a multiple of the size that a network accepts, and crops its logits (maybe under ``out``) back.

    ``encode`` maps the network and a padded batch to the coarsest features of its encoder.
    """

    def __init__(self, network: nn.Module, multiple: int, encode: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.multiple, self._encode = network, multiple, encode

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised photos -> (N, 19, H, W) logits; the padding repeats the border."""
        output = self.network(self._padded(x))
        logits: Tensor = output["out"] if isinstance(output, dict) else output
        return logits[..., : x.shape[-2], : x.shape[-1]]

    def bottleneck(self, x: Tensor) -> Tensor:
        """Return (N, C, h, w) features of the encoder's last level, also of the padding."""
        return self._encode(self.network, self._padded(x))

    def _padded(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x


def smp_unet() -> Baseline:
    """Return segmentation-models-pytorch's U-Net on a ResNet-18 with random weights (14.3 M parameters)."""
    # Imported here because it takes seconds to load.
    from segmentation_models_pytorch import Unet

    return Baseline(Unet("resnet18", encoder_weights=None, classes=19), 32, _last_of_encoder)


def lraspp() -> Baseline:
    """Return torchvision's LR-ASPP on a MobileNetV3-Large with random weights (3.2 M parameters).

    Howard et al., "Searching for MobileNetV3", arXiv 1905.02244, section 6.4.
    """
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=19)
    return Baseline(network, 32, _high_of_backbone)


def _last_of_encoder(network: nn.Module, x: Tensor) -> Tensor:
    features: Tensor = network.encoder(x)[-1]  # type: ignore[operator]
    return features


def _high_of_backbone(network: nn.Module, x: Tensor) -> Tensor:
    features: Tensor = network.backbone(x)["high"]  # type: ignore[operator]
    return features
