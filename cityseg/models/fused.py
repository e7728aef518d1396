"""Inference-only networks: batch normalisation folded into convolutions, the same function up to rounding."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def for_inference(model: nn.Module, device: torch.device) -> nn.Module:
    """Return a network for inference: a fused copy on CPUs, the network itself on other devices.

    The model is in evaluation mode on ``device``; without parameters (ONNX) it is returned as is.
    """
    has_weights = next(model.parameters(), None) is not None
    return fused(copy.deepcopy(model)) if has_weights and device.type == "cpu" else model


def fused(model: nn.Module) -> nn.Module:
    """Fold batch normalisations into the preceding convolutions, in place, and convert to channels last.

    In evaluation mode a normalisation is a scale and a shift per channel, which weights and bias of a convolution can
    hold: ``w * scale / sqrt(variance + eps)`` and ``(b - mean) * scale / sqrt(variance + eps) + shift`` (Jacob et al.,
    arXiv 1712.05877, section 3.2). Only a normalisation that follows a convolution in an ``nn.Sequential`` is folded.
    Afterwards the network, which is in evaluation mode, cannot be trained or saved.
    """
    for row in model.modules():
        if not isinstance(row, nn.Sequential):
            continue
        for first, second in pairwise(range(len(row))):
            before, after = row[first], row[second]
            if type(before) is nn.Conv2d and type(after) is nn.BatchNorm2d:
                row[first], row[second] = fuse_conv_bn_eval(before, after), nn.Identity()
    # The fastest memory format of depthwise and pointwise convolutions on CPUs.
    return model.to(memory_format=torch.channels_last)
