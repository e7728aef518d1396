"""Batch normalisation over a batch that is spread over processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cityseg import processes


class PooledBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose mean and variance are those of all processes' shares of a batch.

    PyTorch's SyncBatchNorm does so on GPUs alone. A share may be empty.
    """

    @torch.compiler.disable
    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W), normalised, in the type of ``x``."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        own = values.new_full((1,), values.numel() / self.num_features)
        sums = processes.pooled(torch.cat([values.sum((0, 2, 3)), own]))
        count = sums[-1]
        mean = sums[:-1] / count
        centred = values - mean[:, None, None]
        variance = processes.pooled(centred.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp_min(1))
        scale = self.weight.float() * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias.float()[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)


def synchronise_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Let every batch normalisation of a model see the shares of all processes; alone, leave the model as it is.

    Weights, buffers and their names stay, so that a checkpoint does not tell how many processes made it.
    """
    if processes.count() == 1:
        return model
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return converted
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.BatchNorm2d:
                setattr(parent, name, _pooled(layer))
    return model


def _pooled(layer: nn.BatchNorm2d) -> PooledBatchNorm2d:
    pooled = PooledBatchNorm2d(layer.num_features, layer.eps, layer.momentum)
    pooled.weight, pooled.bias = layer.weight, layer.bias
    for name, buffer in layer.named_buffers():
        setattr(pooled, name, buffer)
    return pooled
