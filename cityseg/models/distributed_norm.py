"""Batch normalisation over a batch that is spread over processes."""

from __future__ import annotations

import torch
from torch import nn

from cityseg import distributed


def synchronise_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Let every batch normalisation of a model see the shares of all processes; alone, leave the model as it is.

    Weights, buffers and their names stay, so that a checkpoint does not tell how many processes made it.
    """
    if distributed.count() == 1:
        return model
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return converted
    from cityseg.models.sync_batchnorm import pooled

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.BatchNorm2d:
                setattr(parent, name, pooled(layer))
    return model
