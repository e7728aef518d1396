"""Batch normalisation with statistics over the processes of a run."""

from __future__ import annotations

import torch
from torch import nn

from cityseg import distributed


def synchronise_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Synchronise every batch normalisation of a model over all processes; no change with a single process.

    Weights, buffers and their names stay, so that checkpoints do not depend on the number of processes.
    """
    if distributed.count() == 1:
        return model
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    from cityseg.models.sync_batchnorm import synchronised

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.BatchNorm2d:
                setattr(parent, name, synchronised(layer))
    return model
