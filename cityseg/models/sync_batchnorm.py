"""Synchronised batch normalisation for CPUs. A separate module, because importing it loads Dynamo."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cityseg import distributed


class CpuSyncBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation with mean and variance over all processes' shares of a batch, which may be empty.

    PyTorch's SyncBatchNorm works on GPUs only.
    """

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised (N, C, H, W) in the dtype of ``x``."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        own = values.new_full((1,), values.numel() / self.num_features)
        sums = distributed.all_reduce_sum(torch.cat([values.sum((0, 2, 3)), own]))
        count = sums[-1]
        mean = sums[:-1] / count
        centred = values - mean[:, None, None]
        variance = distributed.all_reduce_sum(centred.square().sum((0, 2, 3))) / count
        self._update_running(mean.detach(), variance.detach() * count / (count - 1).clamp_min(1))
        scale = self.weight.float() * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias.float()[:, None, None]).to(x.dtype)

    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)


def synchronised(layer: nn.BatchNorm2d) -> CpuSyncBatchNorm2d:
    """Return a synchronised layer that shares weights and buffers with ``layer``."""
    other = CpuSyncBatchNorm2d(layer.num_features, layer.eps, layer.momentum)
    other.weight, other.bias = layer.weight, layer.bias
    for name, buffer in layer.named_buffers():
        setattr(other, name, buffer)
    return other
