"""Batch normalisation pooled over processes, for CPUs; apart because it loads PyTorch's compiler, to keep out of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cityseg import distributed


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
        sums = distributed.pooled(torch.cat([values.sum((0, 2, 3)), own]))
        count = sums[-1]
        mean = sums[:-1] / count
        centred = values - mean[:, None, None]
        variance = distributed.pooled(centred.square().sum((0, 2, 3))) / count
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


def pooled(layer: nn.BatchNorm2d) -> PooledBatchNorm2d:
    """Return a layer that shares weights and buffers with ``layer``."""
    other = PooledBatchNorm2d(layer.num_features, layer.eps, layer.momentum)
    other.weight, other.bias = layer.weight, layer.bias
    for name, buffer in layer.named_buffers():
        setattr(other, name, buffer)
    return other
