"""Layers that look across a batch, for batches that several ranks share.

BatchNorm takes its statistics over all ranks (PyTorch's SyncBatchNorm does so on GPUs only), and
dropout draws as one process would. Outside of a training step both are what they were.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from saddlepoint.core.ranks import sharing


def share(net: nn.Module) -> None:
    """Change the net's layers in place; their names and weights stay."""
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            module.forward = MethodType(_batch_norm, module)
        elif isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
            module.forward = MethodType(_dropout, module)


def _dropout(layer: nn.Module, x: Tensor) -> Tensor:
    own = type(layer).forward
    ranks = sharing()
    if ranks.size == 1 or not layer.training:
        return own(layer, x)
    # The mask alone: of whole channels it is small.
    shape = x.shape[1:] if isinstance(layer, nn.Dropout) else (x.shape[1], *(1,) * (x.dim() - 2))
    return x * ranks.drawn(lambda n: own(layer, x.new_ones(n, *shape)), len(x))


def _batch_norm(layer: _BatchNorm, x: Tensor) -> Tensor:
    """As BatchNorm, over the items of all ranks.

    Paper: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167, algorithm 1.
    """
    ranks = sharing()
    if ranks.size == 1 or not layer.training:
        return type(layer).forward(layer, x)
    h = x.float()
    axes = [0, *range(2, h.dim())]
    n = h.numel() // h.shape[1]
    # Squares lose digits where the mean is large: in float64 none that count.
    variance, mean = (part.double() for part in torch.var_mean(h, axes, correction=0))
    sums = ranks.total(torch.stack([mean, variance + mean.square()])) / ranks.size
    mean, variance = sums[0], sums[1] - sums[0].square()
    _update_statistics(layer, mean.detach(), variance.detach(), n * ranks.size)
    gain = (variance + layer.eps).rsqrt()
    gain = gain if layer.weight is None else gain * layer.weight
    bias = -mean * gain if layer.bias is None else layer.bias - mean * gain
    shape = (1, -1) + (1,) * (h.dim() - 2)
    return (h * gain.float().view(shape) + bias.float().view(shape)).to(x.dtype)


@torch.no_grad()
def _update_statistics(layer: _BatchNorm, mean: Tensor, variance: Tensor, n: int) -> None:
    if layer.running_mean is None or layer.running_var is None:
        return
    assert layer.num_batches_tracked is not None
    layer.num_batches_tracked.add_(1)
    share = layer.momentum
    if share is None:
        share = 1 / float(layer.num_batches_tracked)
    layer.running_mean.lerp_(mean.to(layer.running_mean.dtype), share)
    layer.running_var.lerp_((variance * n / (n - 1)).to(layer.running_var.dtype), share)
